# SPDX-License-Identifier: Apache-2.0
"""Figures and what is asked of them; the Markdown table and the JSON of a run."""
import dataclasses
import datetime
import json
import os
import pathlib
import platform
import statistics

from demo.act import FOREIGN_PERCENT


@dataclasses.dataclass
class Figure:
    name: str
    target: str  # as people read it
    measured: str
    kept: bool | None  # None: no target, for information
    values: dict  # the raw numbers behind it


def at_most(name: str, limit: float, value: float, unit: str, /, **values) -> Figure:
    return Figure(name, f"<= {limit:g} {unit}", f"{value:.3g} {unit}", value <= limit,
                  {"value": value, **values})


def at_least(name: str, limit: float, value: float, unit: str, /, **values) -> Figure:
    return Figure(name, f">= {limit:g} {unit}", f"{value:.4g} {unit}", value >= limit,
                  {"value": value, **values})


def around(name: str, wanted: float, points: float, value: float, /, **values) -> Figure:
    return Figure(name, f"{wanted:g} ± {points:g} %", f"{value:.1f} %",
                  abs(value - wanted) <= points, {"value": value, **values})


def median_interval(values: list) -> tuple:
    """Median and the order statistics that enclose it with at least 95 % (sign test)."""
    ordered = sorted(values)
    count = len(ordered)
    # The largest k with P(Binomial(n, 1/2) < k) <= 2.5 %.
    total, term, k = 0.0, 0.5**count, 0
    for i in range(count):
        total += term
        if total > 0.025:
            break
        k = i + 1
        term = term * (count - i) / (i + 1)
    low, high = (ordered[k - 1], ordered[count - k]) if k > 0 else (ordered[0], ordered[-1])
    return statistics.median(ordered), low, high


def machine() -> dict:
    model = "unknown"
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    memory_kib = int(pathlib.Path("/proc/meminfo").read_text().split()[1])
    return {"date": datetime.date.today().isoformat(), "host": platform.node(),
            "processor": model, "cores": os.cpu_count(),
            "memory_mib": memory_kib // 1024, "kernel": platform.release()}


def disturbance(figure: Figure) -> str:
    """What else the machine did meanwhile, where it was noticed and is enough to matter."""
    foreign = figure.values.get("foreign_percent", 0.0)
    return f" (others used {foreign:.0f} % of the machine)" if foreign > FOREIGN_PERCENT else ""


def markdown(figures: list, about: dict) -> str:
    where = (f"{about['processor']}, {about['cores']} cores, {about['memory_mib']} MiB, "
             f"Linux {about['kernel']}")
    lines = [f"{about['date']}. Machine: {where}.", "", "| figure | target | measured | verdict |",
             "|---|---|---|---|"]
    words = {True: "ok", False: "**missed**", None: ""}
    lines += [f"| {f.name} | {f.target} | {f.measured} | {words[f.kept]}{disturbance(f)} |"
              for f in figures]
    return "\n".join(lines)


def write(path: pathlib.Path, figures: list, about: dict, micro: list):
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"machine": about, "figures": [dataclasses.asdict(f) for f in figures],
               "micro_benchmarks": micro}
    path.write_text(json.dumps(content, indent=1) + "\n")
