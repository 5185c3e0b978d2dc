# SPDX-License-Identifier: Apache-2.0
"""What the preloaded library adds to a call, against the bare simulated driver in the same run.

`opencl_bench` runs itself bare and with the library, in turns, and prints medians. It plays inside a
grant of a daemon whose only device is the simulated one: once with a limit on its compute, once alone
with a mere weight, where nothing is to be held back.
"""
import re

from demo.act import Act
from demo.stage import StageError

from . import figures

PROGRAM = "opencl_bench"
DRIVER = "libmelon-sim-opencl.so"
# variant -> (how it is asked for, {what opencl_bench calls it: (our words, most, unit)})
MEMORY = {
    "create+release, 0 live": ("create and release a buffer", 60, "ns"),
    "create+release, 10000 live": ("create and release a buffer, 10 000 live", 60, "ns"),
    "clGetDeviceInfo(memory)": ("memory query", 10, "ns"),
    "start-up (us CPU)": ("start-up, CPU", 500, "us"),
    "resident memory (KiB)": ("resident memory", 1024, "KiB"),
}
VARIANTS = {
    "with a limit": (["--compute", "50%"], {"enqueue": ("enqueue", 40, "ns"), **MEMORY}),
    "without a limit": ([], {"enqueue": ("enqueue", 15, "ns")}),
}
LINE = re.compile(r"  (?P<call>.*?)  +bare +(?P<bare>[-.\d]+)  added +(?P<added>[-.\d]+)$")


def parse(output: str) -> dict:
    """title -> {call: (bare, added)}."""
    found, table = {}, {}
    for line in output.splitlines():
        match = LINE.match(line)
        if match:
            table[match["call"]] = (float(match["bare"]), float(match["added"]))
        elif line.strip():
            table = found.setdefault(line.strip(), {})
    return found


def _table(tables: dict, variant: str, budgets: dict) -> list:
    found = []
    for title, table in tables.items():
        way = title.partition(" (")[0]
        for call, (words, most, unit) in budgets.items():
            bare, added = table[call]
            found.append(figures.at_most(f"{words}, {variant}, by {way}: added to {bare:.1f} {unit}",
                                         most, added, unit, bare=bare, added=added))
    return found


def added(act: Act) -> list:
    """For every variant and way into the program. The act's daemon must have the simulated device."""
    bench, library = act.stage.find(PROGRAM), act.stage.find("libmelon.so")
    found = []
    for variant, (flags, budgets) in VARIANTS.items():
        act.story.screen.progress(f"calls of the simulated driver, {variant}")
        # The program sets up its own runs: bare ones must not inherit the library.
        program = ["env", "-u", "LD_PRELOAD", "-u", "OPENCL_LAYERS", bench, library]
        status, output = act.run_to_end("calls", ["--memory", "1GiB", *flags], program, 240)
        tables = parse(output)
        if status != 0 or not tables:
            raise StageError(f"{PROGRAM} ended with {status}:\n{output[-800:]}")
        found += _table(tables, variant, budgets)
    return found
