#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The demo: real programs in slices of a real device, measured from outside.

Needs the built binaries (make demo builds them) and the packages of the group `demo`. Writes below
its folder only, and ends whatever it started, also after Ctrl-C.
"""
import argparse
import pathlib
import random
import shutil
import signal
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from demo import meter, programs, report, scenes  # noqa: E402
from demo.act import Act  # noqa: E402
from demo.screen import Screen  # noqa: E402
from demo.stage import Stage, StageError  # noqa: E402
from demo.story import Story  # noqa: E402

LONGEST_SECONDS = 180
REPEAT_SECONDS = 40  # all repetitions together: even then the demo takes less than three minutes


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binaries", type=pathlib.Path, default=ROOT / "build/release",
                        help="the build folder (default: build/release)")
    parser.add_argument("--folder", type=pathlib.Path, default=ROOT / "build/demo",
                        help="where to run and write (default: build/demo)")
    parser.add_argument("--seed", type=int, help="repeats a run's random kernels and sizes")
    parser.add_argument("--scene", action="append", metavar="NAME",
                        choices=[scene.__name__ for scene in scenes.ALL],
                        help="play only this scene (repeatable)")
    return parser.parse_args()


def processor() -> str:
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return "unknown processor"


def introduce(story: Story, seed: int):
    screen = story.screen
    screen.write(screen.paint("bold", "Melon demo. The device is this machine's CPU through OpenCL "
                                      "(PoCL), not a GPU."))
    screen.plain(f"Allocations and kernels are real, on {processor()}, {meter.CORES} cores. Shares "
                 "are measured from outside: the CPU time that the kernel counts for the driver's "
                 "threads in each program, which run its kernels, as part of all cores. "
                 f"Random kernels and sizes: --seed {seed} repeats them.")
    story.facts += [("device", "the CPU, through OpenCL (PoCL)"), ("processor", processor()),
                    ("cores", str(meter.CORES)), ("seed", str(seed))]


def close(story: Story, page: pathlib.Path) -> int:
    rows = [(f"{scene.number} {check.what}", check.asked_in_full, check.measured, check.kept)
            for scene, check in story.checks]
    if rows:
        story.screen.write(f"\n{story.screen.paint('bold', 'Asked and measured from outside')}")
        story.screen.table(rows)
    shown = page.relative_to(pathlib.Path.cwd()) if page.is_relative_to(pathlib.Path.cwd()) else page
    story.screen.write()
    story.screen.plain(f"{story.verdict} It took {story.seconds:.0f} s.")
    story.screen.plain(f"The same as a page with plots: {shown}")
    return 1 if story.broken or not rows else 0


def warm(act: Act):
    mark = act.stage.folder / "warm"
    if not mark.exists():
        act.story.say("First run here: the programs compile their kernels once, about half a minute.")
        programs.warm(act.stage)
        mark.touch()


def play(act: Act, chosen) -> int:
    warm(act)
    for scene in scenes.ALL:
        if not chosen or scene.__name__ in chosen or scene in scenes.ALWAYS:
            scene(act)
    if not chosen:
        taken = act.story.seconds
        act.story.check("the whole demo", f"{LONGEST_SECONDS} s", f"{taken:.0f} s", taken <= LONGEST_SECONDS,
                        "at most")
    act.story.end_scene()
    act.meter.stop()
    page = act.stage.folder / "report.html"
    page.write_text(report.render(act.story, act.meter.samples))
    return close(act.story, page)


def main() -> int:
    options = parse()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1, 10**6)
    stage = Stage(options.folder, options.binaries)
    story = Story(Screen())
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    act = None
    try:
        stage.open()
        if not shutil.which("hashcat"):
            raise StageError("hashcat is not installed: make demo installs it")
        introduce(story, seed)
        act = Act(stage, meter.Meter(str(stage.folder)), story, seed, REPEAT_SECONDS)
        act.meter.start()
        return play(act, options.scene)
    except StageError as error:
        story.screen.write(f"\n  {story.screen.paint('bad', 'The demo cannot go on:')} {error}")
        return 1
    except KeyboardInterrupt:
        story.screen.write("\n  Stopped; ending what was started.")
        return 130
    finally:
        stage.close()


if __name__ == "__main__":
    sys.exit(main())
