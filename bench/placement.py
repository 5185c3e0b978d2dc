# SPDX-License-Identifier: Apache-2.0
"""The placement engine on full clusters: decisions a second, the slow ones, memory; traces replayed."""
import json
import pathlib
import subprocess
import time

from . import figures

PROGRAM = "place_bench"
TRACES = pathlib.Path("tests/data/fgd")
# nodes -> decisions a second at least, the slowest of a hundred at most (microseconds)
FULL_CLUSTER = {5_000: (100_000, 150), 10_000: (100_000, 200), 50_000: (50_000, 300)}
OTHER_MIXES = (60_000, 200)  # requests in several dimensions, other policies, selectors
ANSWERS = {"gang": 100, "preemption": 5, "explain": 5, "defragmentation": 1000, "huge cluster: rebuild": 10_000,
           "huge cluster": 200}  # by how their rows begin: milliseconds at most
PUBLISHED = {100: 95.23, 130: 95.39}  # allocated %, the published algorithm, mean of ten seeds


def clusters(binaries: pathlib.Path) -> list:
    program = next(path for path in binaries.rglob(PROGRAM) if path.is_file())
    output = subprocess.run([str(program)], capture_output=True, text=True, check=True, timeout=300).stdout
    found = []
    for line in output.splitlines():
        row = json.loads(line)
        found += figures_of(row)
    return found


def figures_of(row: dict) -> list:
    name = row["name"]
    if "seconds" in row:
        return [figures.at_most(name, 1, row["seconds"], "s", **row)]
    nodes = row["nodes"]
    if "milliseconds" in row:
        most = next(most for word, most in ANSWERS.items() if name.startswith(word))
        return [figures.at_most(f"{name}, {nodes} nodes of 8 cards", most, row["milliseconds"], "ms", **row)]
    rate, slow = FULL_CLUSTER[nodes] if name == "fragmentation" else OTHER_MIXES
    where = f"{name}, {nodes} nodes of 8 cards 90 % full, {row['shapes']} shapes"
    found = [figures.at_least(f"{where}: placements", rate, row["placements_per_second"], "/s", **row),
             figures.at_most(f"{where}: p99", slow, row["p99_us"], "us")]
    if row["node_bytes"] > 0:  # memory that the run had to ask the system for
        found += [figures.at_most(f"{where}: memory of a node", 2048, row["node_bytes"], "bytes"),
                  figures.at_most(f"{where}: memory of a node with rankings", 6144,
                                  row["node_bytes"] + row["ranking_bytes_per_node"], "bytes")]
    return found


def replay(binaries: pathlib.Path, root: pathlib.Path) -> list:
    """The published run, all ten seeds, as a user asks for it."""
    traces = root / TRACES
    command = [str(binaries / "src/apps/melon"), "sim", "--nodes", str(traces / "nodes.csv"),
               "--pods", str(traces / "pods_default.csv.gz"),
               "--arrivals", str(traces / "arrivals_default.txt.gz"), "--policy", "fgd", "-o", "json"]
    start = time.monotonic()
    output = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
    took = time.monotonic() - start
    levels = {level["arrived_percent"]: level["allocated_percent"]
              for level in json.loads(output)[0]["mean"]["levels"]}
    return [figures.at_most("melon sim, ten seeds of the default trace", 10, took, "s"),
            *(figures.around(f"melon sim --policy fgd: allocated at {percent} % arrived", wanted, 0.05,
                             levels[percent]) for percent, wanted in PUBLISHED.items())]


def measure(binaries: pathlib.Path, root: pathlib.Path) -> list:
    return clusters(binaries) + replay(binaries, root)
