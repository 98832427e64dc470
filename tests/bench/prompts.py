"""64 prompts that begin with the input and go on in other words."""

OPENINGS = ["This movie was", "All in all, it was", "The film is", "I found it", "My verdict:", "In short, it was", "Overall the movie felt", "To me it was"]
MIDDLES = ["", " simply", " really", " just", " quite", " rather", " truly", " very"]
SHARED_INPUT = [f"{{text}} {opening}{middle} {{mask}}" for opening in OPENINGS for middle in MIDDLES]
