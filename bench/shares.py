# SPDX-License-Identifier: Apache-2.0
"""How exact compute shares are on the CPU through OpenCL (PoCL), measured from outside.

Every program is our load with random kernels; every share is CPU time by the kernel's count as a
part of all cores. A measurement that other programs disturb is repeated (demo/act.py).
"""
import time

from demo.act import FOREIGN_PERCENT, Act
from demo.meter import Window

from . import figures

WINDOW_SECONDS = 10
PAIRS = 10
PAIR_SECONDS = 1.5


def _start(act: Act, name: str, flags: list):
    seed = act.dice.randrange(1, 10**6)
    program = act.run(name, ["--memory", "256MiB", *flags],
                      [act.stage.load, "--seed", seed, "--seconds", 600])
    program.wait_for_event("running", 60)
    return program


def _worst_second(act: Act, window: Window, name: str, wanted: float) -> float:
    """The largest deviation in any whole second of the window, in points."""
    samples = [s for s in act.meter.samples if window.first.t <= s.t <= window.last.t]
    worst, begin = 0.0, 0
    for i, sample in enumerate(samples):
        while samples[begin + 1].t <= sample.t - 1.0 and begin + 1 < i:
            begin += 1
        if sample.t - samples[begin].t >= 1.0:
            worst = max(worst, abs(Window(samples[begin], sample).percent(name) - wanted))
    return worst


def hard(act: Act) -> list:
    shares = {"hard-25": 25, "hard-50": 50}
    for name, percent in shares.items():
        _start(act, name, ["--compute", f"{percent}%"])
    act.settle()
    window = act.measure(WINDOW_SECONDS)
    found = [figures.around(f"hard {percent} %, two tenants at once, {WINDOW_SECONDS} s", percent, 3,
                            window.percent(name), foreign_percent=window.foreign_percent,
                            worst_second_points=_worst_second(act, window, name, percent))
             for name, percent in shares.items()]
    act.stop(*shares)
    return found


def weighted(act: Act) -> list:
    weights = {"weight-30": 30, "weight-70": 70}
    for name, weight in weights.items():
        _start(act, name, ["--weight", str(weight)])
    act.settle()
    window = act.measure(WINDOW_SECONDS)
    total = sum(window.percent(name) for name in weights)
    found = [figures.around(f"weight {weight} of 100, part of both", weight, 4,
                            100 * window.percent(name) / total if total else 0.0,
                            total_percent=total, foreign_percent=window.foreign_percent)
             for name, weight in weights.items()]
    act.stop(*weights)
    return found


def one_grant(act: Act) -> list:
    """Two saturating processes in one grant share its one limit."""
    _start(act, "shared", ["--compute", "20%"])
    seed = act.dice.randrange(1, 10**6)
    second = act.stage.start("second", [act.stage.melon, "exec", "shared", "--", act.stage.load,
                                        "--seed", seed, "--seconds", 600])
    second.wait_for_event("running", 60)
    act.settle()
    window = act.measure(WINDOW_SECONDS)
    each = [window.percent(name) for name in ("shared", "second")]
    found = [figures.around("two processes in one 20 % grant, sum", 20, 3, sum(each), each=each,
                            foreign_percent=window.foreign_percent)]
    act.stage.end("second")
    act.stop("shared")
    return found


def _work(act: Act, program, seconds: float) -> tuple:
    """What the load reports at its end, and how much of the machine others used while it ran."""
    program.wait_for_event("running", 60)
    foreign = act.meter.watch(0.7 * seconds).foreign_percent
    program.wait(60 + seconds)
    return program.wait_for_event("done", 1), foreign


def _load(act: Act, seed: int, seconds: float, more: list, environment: dict) -> list:
    settings = ["env", *(f"{name}={value}" for name, value in environment.items())] if environment else []
    return [*settings, act.stage.load, "--seed", seed, "--seconds", seconds, *more]


def _bare(act: Act, seed: int, seconds: float, more: list, environment: dict) -> tuple:
    load = _load(act, seed, seconds, more, environment)
    return _work(act, act.stage.start("bare", load), seconds)


def _sliced(act: Act, name: str, flags: list, seed: int, seconds: float, more: list,
            environment: dict) -> tuple:
    load = _load(act, seed, seconds, more, environment)
    return _work(act, act.run(name, ["--memory", "256MiB", *flags], load, show=False), seconds)


def _pair(act: Act, number: int, flags: list, seconds: float, value, *how) -> tuple:
    """Ratio sliced to bare, with a seed of its own, the two in turn first; the worst disturbance."""
    seed = act.dice.randrange(1, 10**6)
    _bare(act, seed, 0.1, *how)  # compiles the pair's kernels, so that neither side pays for it
    runs = {}
    for side in (("bare", "sliced") if number % 2 else ("sliced", "bare")):
        runs[side] = _bare(act, seed, seconds, *how) if side == "bare" else \
            _sliced(act, f"pair-{number}", flags, seed, seconds, *how)
    (bare, bare_foreign), (sliced, sliced_foreign) = runs["bare"], runs["sliced"]
    return 100 * value(sliced) / value(bare), max(bare_foreign, sliced_foreign)


def _pairs(act: Act, flags: list, count: int, seconds: float, value, more=(), environment=None) -> tuple:
    """The ratios of so many pairs, and the worst disturbance. Disturbed pairs are made again as
    long as the act's time for repetitions lasts."""
    ratios, worst, number = [], 0.0, 0
    while len(ratios) < count:
        act.story.screen.progress(f"pair {len(ratios) + 1} of {count}")
        begin = time.monotonic()
        ratio, foreign = _pair(act, number, flags, seconds, value, more, environment)
        number += 1
        if foreign > FOREIGN_PERCENT and act.repeat_seconds > 0:
            act.repeat_seconds -= time.monotonic() - begin
            act.story.say(f"Other programs used {foreign:.0f} % of the machine meanwhile: once more.")
            continue
        ratios.append(ratio)
        worst = max(worst, foreign)
    return ratios, worst


def alone(act: Act) -> list:
    """A weighted tenant that nobody competes with, by work per second, against the bare program."""
    ratios, foreign = _pairs(act, [], 5, 2, lambda done: done["passes"] / done["seconds"])
    median, low, high = figures.median_interval(ratios)
    return [figures.at_least("weighted alone, work per second, of bare", 95, median, "%",
                             interval=[low, high], ratios=ratios, foreign_percent=foreign)]


def whole(act: Act) -> list:
    """What enforcement costs where nothing is held back: a slice of the whole device."""
    ratios, foreign = _pairs(act, ["--compute", "100%"], PAIRS, PAIR_SECONDS,
                             lambda done: done["passes"] / done["cpu_seconds"])
    median, low, high = figures.median_interval(ratios)
    figure = figures.at_least(f"100 % slice, work per CPU second, of bare ({PAIRS} pairs)", 99, median,
                              "%", interval=[low, high], ratios=ratios, foreign_percent=foreign)
    figure.measured += f" (95 % interval {low:.1f} to {high:.1f})"
    return [figure]


def host_thread(act: Act) -> list:
    """A thread that computes on the host, in a program whose kernels are held to 25 %. Both with a
    device of one unit, so that on two cores kernels and thread need not share one."""
    ratios, foreign = _pairs(act, ["--compute", "25%"], 5, 2,
                             lambda done: done["host_rounds"] / done["seconds"],
                             more=["--host-thread"], environment={"POCL_MAX_PTHREAD_COUNT": "1"})
    median, low, high = figures.median_interval(ratios)
    return [figures.at_least("host thread beside kernels held to 25 %, its work per second, of bare",
                             97, median, "%", interval=[low, high], ratios=ratios,
                             foreign_percent=foreign)]


ALL = (hard, weighted, one_grant, alone, whole, host_thread)
