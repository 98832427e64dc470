"""The best rate of torch's matrix product in f32, over the shapes of drive/matmul.rs; argument: threads."""
import json
import sys
import time

import torch

SHAPES = [(1024, 256, 1024), (1024, 1024, 256), (1024, 768, 768), (1024, 768, 3072), (1024, 3072, 768), (1024, 576, 1536), (2048, 1024, 1024), (2048, 2048, 2048)]
SECONDS = 0.6
torch.set_num_threads(int(sys.argv[1]))
shapes = []
for n, k, m in SHAPES:
    a, b, best, begun = torch.rand(n, k), torch.rand(k, m), 0.0, time.perf_counter()
    while time.perf_counter() - begun < SECONDS:
        one = time.perf_counter()
        a @ b
        best = max(best, 2 * n * k * m / (time.perf_counter() - one) / 1e9)
    shapes.append({"shape": [n, k, m], "gflops": best})
print(json.dumps({"gflops": max(shape["gflops"] for shape in shapes), "shapes": shapes}))
