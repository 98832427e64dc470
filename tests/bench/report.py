"""Rows as JSON, and all of them as Markdown."""
import json
import os
import platform
import statistics
from pathlib import Path

import plot
from rows import ROWS


def save(output, name, row):
    row["machine"] = machine()
    (output / f"{name}.json").write_text(json.dumps(row, indent=1) + "\n")


def machine():
    model = next((line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), platform.processor()) if Path("/proc/cpuinfo").exists() else platform.processor()
    return f"{os.cpu_count()} cores, {model}, {platform.system()}"


def write(output):
    """Writes report.md and the plot of what is in the folder; gives the report."""
    rows = {name: json.loads((output / f"{name}.json").read_text()) for name in ROWS if (output / f"{name}.json").exists()}
    lines = ["# Benchmark", ""]
    lines += sorted({f"On {row['machine']}. Ratios are ours over the peer's (seconds: the peer's over ours is below 1 where we are quicker); median [least, largest] of the pairs, run in turns." for row in rows.values()})
    lines += ["", "| work | against | ours | theirs | ratio | at least | aim | memory, ours | theirs | ratio | outputs |", "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |"]
    for row in rows.values():
        if "ours" in row:
            lines.append(cells(row))
    with_floors = [row for row in rows.values() if "floors" in row]
    if with_floors:
        lines += ["", "## Floors", "", "What the scores need in matrix products, each shared beginning once, over the best rate measured of burn-flex's and of torch's matrix product; and the share of that rate that each side reaches.", "",
                  "| work | GFLOP | burn-flex, torch GFLOP/s | floor/s (burn) | floor/s (torch) | ours of burn's | ours of torch's | theirs of torch's |", "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"]
        lines += [floor_cells(row) for row in with_floors]
    if "profile" in rows:
        lines += ["", "## Profile", ""] + profile(rows["profile"])
    if "scale" in rows:
        (output / "scale.svg").write_text(plot.scale(rows["scale"]["scale"]))
        lines += ["", "## Linear in candidates and examples", "", "![seconds by candidates and by examples](scale.svg)", ""] + slopes(rows["scale"]["scale"])
    if "store" in rows:
        lines += ["", "## Score store", ""] + store(rows["store"])
    if "memory" in rows:
        lines += ["", "## Memory by candidates and by rows", ""] + memory(rows["memory"]["memory"])
    text = "\n".join(lines) + "\n"
    (output / "report.md").write_text(text)
    return text


def number(value):
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def shown(found, suffix=""):
    if not found:
        return ""
    return f"{number(found['median'])}{suffix} [{number(found['min'])}, {number(found['max'])}]"


UNITS = {"evaluations_per_second": "/s", "steps_per_second": "/s", "wall_seconds": " s"}


def cells(row):
    unit = UNITS[row["unit"]]
    at_least, aim = row.get("goals", ["", ""])
    same = row.get("agreement")
    outputs = f"accuracy within {same['largest_accuracy_difference']:.4f}" if same else "; ".join(f"{side}: {json.dumps(runs[0])}" for side, runs in row.get("outputs", {}).items() if runs)
    return "| " + " | ".join([row["name"], row["peer"], shown(row.get("ours"), unit), shown(row.get("theirs"), unit), f"**{shown(row.get('ratio'), ' x')}**" if "ratio" in row else "", str(at_least), str(aim),
                              shown(row.get("ours_mib"), " MiB"), shown(row.get("theirs_mib"), " MiB"), shown(row.get("memory_ratio"), " x"), outputs]) + " |"


def floor_cells(row):
    found = row["floors"]
    rates = found["rates_gflops"]
    share = lambda key: f"{100 * found[key]:.0f} %" if key in found else ""
    speed = lambda key: number(found[key]) if key in found else ""
    return "| " + " | ".join([row["name"], number(found["gflop"]), ", ".join(number(rate) for rate in rates.values()), speed("burn_floor_per_second"), speed("torch_floor_per_second"),
                              share("ours_of_burn_floor"), share("ours_of_torch_floor"), share("theirs_of_torch_floor")]) + " |"


def profile(row):
    lines = []
    for job in row["jobs"]:
        phases = job["phases"]
        whole = phases["seconds"]
        known = sum(phases[key] for key in ("tokenising", "embedding", "layers", "head"))
        lines += [f"**{job['name']}**: {whole:.2f} s warm, {phases['seconds_cold']:.2f} s the first time. Phase by phase, each done alone with plain length-sorted batches ({100 * phases['padding']:.1f} % padding), {known:.2f} s: " +
                  ", ".join(f"{key} {phases[key]:.3f} s" for key in ("tokenising", "embedding", "layers", "head")) + ".", ""]
        if job.get("sampled"):
            lines += ["| on one thread | share |", "| --- | ---: |"]
            lines += [f"| {name} | {100 * share:.1f} % |" for name, share in job["sampled"]["kinds"]]
            lines += ["", "Functions with the largest shares of their own: " + ", ".join(f"`{name}` {100 * share:.1f} %" for name, share in job["sampled"]["functions"][:12]) + ".", ""]
    return lines


def store(row):
    runs = row["store"]
    share = lambda kind, part: statistics.median(run[kind][part] / run[kind]["seconds"] for run in runs)
    seconds = lambda kind: statistics.median(run[kind]["seconds"] for run in runs)
    return [f"{row['name']}: with an empty store {seconds('empty'):.3f} s, of which looking up {100 * share('empty', 'finding'):.3f} % and keeping {100 * share('empty', 'keeping'):.3f} %; "
            f"with a full one {seconds('full'):.3f} s, of which looking up {100 * share('full', 'finding'):.1f} %."]


def memory(found):
    lines = ["| candidates | rows of train | peak MiB | seconds |", "| ---: | ---: | ---: | ---: |"]
    for run in found["candidates"] + found["rows"]:
        lines.append(f"| {run['candidates']} | {run.get('rows', 160)} | {run['peak_mib']:.0f} | {run['seconds']:.1f} |")
    return lines


def slopes(runs):
    lines = []
    for axis in ("candidates", "examples"):
        points = plot.medians(runs, axis)
        lines.append(f"{axis}: " + ", ".join(f"{n}: {seconds:.3f} s ({1000 * seconds / n:.3f} ms each)" for n, seconds in points) + "\n")
    return lines
