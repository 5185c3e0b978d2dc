#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""All figures: micro benchmarks, shares on a real device, the daemon's cost, how soon things take effect.
At most ten minutes.

Prints a Markdown table and writes build/bench/results/latest-<host>.json. Every comparison is with a
baseline measured in the same run. Builds the preset `bench`; needs the packages of the groups `build` and `demo`.
"""
import argparse
import pathlib
import random
import signal
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench import daemon, figures, micro, placement, reactions, shares, shim  # noqa: E402
from demo import meter, programs  # noqa: E402
from demo.act import Act  # noqa: E402
from demo.screen import Screen  # noqa: E402
from demo.stage import Stage, StageError  # noqa: E402
from demo.story import Story  # noqa: E402

REPEAT_SECONDS = 60  # all repetitions of disturbed measurements together
PARTS = ("placement", "micro", "calls", "shares", "daemon", "reactions")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binaries", type=pathlib.Path, default=ROOT / "build/bench")
    parser.add_argument("--folder", type=pathlib.Path, default=ROOT / "build/bench")
    parser.add_argument("--seed", type=int, help="repeats a run's random kernels and sizes")
    parser.add_argument("--part", action="append", choices=PARTS, help="only this part (repeatable)")
    parser.add_argument("--no-build", action="store_true", help="the bench preset is built already")
    return parser.parse_args()


def run_micro(stage: Stage) -> tuple:
    found = []
    for program in micro.executables(stage.binaries):
        print(f"running {program.name}", file=sys.stderr)
        found += micro.run(program, stage.environment("micro"))
    return micro.informative(found), found


def run_calls(options, story: Story, seed: int) -> list:
    """With a daemon of its own, whose only device is the simulated one."""
    folder = options.folder / "stage-simulated"
    driver = Stage(folder, options.binaries).find(shim.DRIVER)
    stage = Stage(folder, options.binaries, driver)
    try:
        stage.open()
        act = Act(stage, meter.Meter(str(stage.folder)), story, seed, 0)
        act.up()
        found = shim.added(act)
        act.melon("down", "--stop-all")
        return found
    finally:
        stage.close()


def run_live(act: Act, parts: list) -> list:
    """The parts that need a daemon."""
    found = []
    act.up()
    pid = act.daemon_pid()
    if "daemon" in parts:
        act.settle()
        found += daemon.idle(act, pid)
        found += daemon.thousand(act, pid)
    if "reactions" in parts:
        found += reactions.all_of(act)
    if "shares" in parts:
        for measure in shares.ALL:
            found += measure(act)
    act.melon("down", "--stop-all")
    return found


def main() -> int:
    options = parse()
    parts = options.part or list(PARTS)
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1, 10**6)
    stage = Stage(options.folder / "stage", options.binaries)
    story = Story(Screen(sys.stderr))
    found, benchmarks = [], []
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started is ended all the same
    try:
        if not options.no_build:
            micro.build(ROOT)
        stage.open()
        if "micro" in parts:
            found, benchmarks = run_micro(stage)
        if "placement" in parts:
            found += placement.measure(options.binaries, ROOT)
        if "calls" in parts:
            found += run_calls(options, story, seed)
        if set(parts) & {"shares", "daemon", "reactions"}:
            watcher = meter.Meter(str(stage.folder))
            watcher.start()
            found += run_live(Act(stage, watcher, story, seed, REPEAT_SECONDS), parts)
            watcher.stop()
    except (StageError, micro.BenchError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    finally:
        stage.close()
    about = {**figures.machine(), "seed": seed}
    path = options.folder / "results" / f"latest-{about['host']}.json"
    figures.write(path, found, about, benchmarks)
    print(f"{figures.markdown(found, about)}\n\nCommand: make bench (seed {seed}); {path}")
    return 1 if any(f.kept is False for f in found) else 0


if __name__ == "__main__":
    sys.exit(main())
