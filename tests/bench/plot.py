"""Two log-log plots beside each other as an SVG: seconds by candidates and by examples, with the line that is linear."""
import math
import statistics

WIDTH, HEIGHT, MARGIN = 360, 280, 56


def medians(runs, axis):
    """(n, median seconds) of an axis over runs."""
    points = {}
    for run in runs:
        for point in run[axis]:
            points.setdefault(point[axis], []).append(point["seconds"])
    return [(n, statistics.median(seconds)) for n, seconds in sorted(points.items())]


def scale(runs):
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{2 * WIDTH}" height="{HEIGHT}" font-family="sans-serif" font-size="11">',
             f'<rect width="{2 * WIDTH}" height="{HEIGHT}" fill="white"/>']
    for index, axis in enumerate(("candidates", "examples")):
        parts += panel(medians(runs, axis), axis, index * WIDTH)
    return "\n".join(parts + ["</svg>"]) + "\n"


def panel(points, axis, left):
    xs, ys = [math.log10(n) for n, _ in points], [math.log10(seconds) for _, seconds in points]
    low_x, high_x, low_y, high_y = min(xs), max(xs), math.floor(min(ys)), math.ceil(max(ys))
    x = lambda value: left + MARGIN + (value - low_x) / max(high_x - low_x, 1e-9) * (WIDTH - 1.5 * MARGIN)
    y = lambda value: HEIGHT - MARGIN - (value - low_y) / max(high_y - low_y, 1e-9) * (HEIGHT - 1.6 * MARGIN)
    parts = [f'<text x="{left + WIDTH / 2:.0f}" y="{HEIGHT - 12}" text-anchor="middle">{axis}</text>',
             f'<text x="{left + 14}" y="22">seconds (dashed: linear from the last point)</text>']
    for decade in range(low_y, high_y + 1):
        parts.append(f'<line x1="{x(low_x):.1f}" x2="{x(high_x):.1f}" y1="{y(decade):.1f}" y2="{y(decade):.1f}" stroke="#ddd"/>')
        parts.append(f'<text x="{x(low_x) - 6:.1f}" y="{y(decade) + 4:.1f}" text-anchor="end">{10.0 ** decade:g}</text>')
    for value, (n, _) in zip(xs, points):
        parts.append(f'<text x="{x(value):.1f}" y="{HEIGHT - MARGIN + 16}" text-anchor="middle">{n}</text>')
    start = max(ys[-1] - (xs[-1] - low_x), low_y)
    parts.append(f'<line x1="{x(xs[-1] - (ys[-1] - start)):.1f}" y1="{y(start):.1f}" x2="{x(xs[-1]):.1f}" y2="{y(ys[-1]):.1f}" stroke="#999" stroke-dasharray="4 3"/>')
    line = " ".join(f"{x(a):.1f},{y(b):.1f}" for a, b in zip(xs, ys))
    parts.append(f'<polyline points="{line}" fill="none" stroke="#1f6fb2" stroke-width="2"/>')
    parts += [f'<circle cx="{x(a):.1f}" cy="{y(b):.1f}" r="3" fill="#1f6fb2"/>' for a, b in zip(xs, ys)]
    return parts
