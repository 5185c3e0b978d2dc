# SPDX-License-Identifier: Apache-2.0
"""Builds the benchmarks and runs every micro benchmark (google-benchmark)."""
import json
import pathlib
import subprocess

from . import figures, placement, shim


class BenchError(Exception):
    """A benchmark could not be built or run."""


def build(root: pathlib.Path):
    for command in (["cmake", "--preset", "bench"], ["cmake", "--build", "--preset", "bench"]):
        result = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
        if result.returncode != 0:
            raise BenchError(f"`{' '.join(command)}` failed:\n{result.stdout[-3000:]}{result.stderr}")


def executables(build_folder: pathlib.Path) -> list:
    """Every google-benchmark program: melon_module() names them <module>_bench."""
    return sorted(path for path in build_folder.rglob("*_bench")
                  if path.is_file() and path.stat().st_mode & 0o111 and path.name not in (shim.PROGRAM, placement.PROGRAM))


def run(program: pathlib.Path, environment: dict) -> list:
    """The program's benchmarks; each {name, real_time, cpu_time, time_unit, ...}."""
    result = subprocess.run([str(program), "--benchmark_format=json", "--benchmark_min_time=0.2",
                             "--benchmark_repetitions=3", "--benchmark_report_aggregates_only=true"],
                            cwd=program.parent, env=environment, capture_output=True, text=True,
                            check=False, timeout=240)
    if result.returncode != 0:
        raise BenchError(f"{program.name} ended with {result.returncode}: {result.stderr[-2000:]}")
    found = json.loads(result.stdout[result.stdout.index("{"):])["benchmarks"]
    return [{"program": program.name, **b} for b in found if b.get("aggregate_name") == "median"]


def nanoseconds(benchmark: dict) -> float:
    return benchmark["real_time"] * {"ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9}[benchmark["time_unit"]]


def readable(value: float) -> str:
    for unit, scale in (("ns", 1), ("us", 1e3), ("ms", 1e6)):
        if value < 1000 * scale:
            return f"{value / scale:.3g} {unit}"
    return f"{value / 1e9:.3g} s"


def informative(benchmarks: list) -> list:
    return [figures.Figure(f"{b['program']}: {b['run_name']}", "", readable(nanoseconds(b)), None,
                           {"value_ns": nanoseconds(b)}) for b in benchmarks]
