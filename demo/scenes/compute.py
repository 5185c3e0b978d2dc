# SPDX-License-Identifier: Apache-2.0
"""Honest compute: hard shares, live changes, weights, priority."""
from .. import programs
from ..act import Act

WINDOW_SECONDS = 8


def start_crackers(act: Act, scene, shares: dict):
    """A copy of hashcat for each name, limited to its percentage; returns when all compute."""
    started = []
    for name, percent in shares.items():
        scene.ask(name, percent)
        started.append(act.run(name, ["--memory", "1GiB", "--compute", f"{percent}%"],
                               programs.hashcat(name)))
    for program in started:
        programs.hashcat_running(program)
    act.settle()


def compute(act: Act):
    """Two copies of a real program at 25 % and 50 %; then the other way round, while they run."""
    story = act.story
    scene = story.scene("Compute is a hard limit", "The two copies of hashcat again, now with a quarter "
                        "and a half of the device. Then the shares are swapped while they run.",
                        ("compute",))
    shares = {"quarter": 25, "half": 50}
    start_crackers(act, scene, shares)
    window = act.measure(WINDOW_SECONDS)
    for name, percent in shares.items():
        story.within(f"hashcat at {percent} %", percent, window.percent(name), 3)
    story.quote(act.melon("ps"), "tabular")
    swapped = {"quarter": 50, "half": 25}
    for name, percent in swapped.items():
        act.melon("set", name, "--compute", f"{percent}%")
        scene.ask(name, percent)
    scene.note("melon set")
    act.settle()
    window = act.measure(WINDOW_SECONDS)
    for name, percent in swapped.items():
        story.within(f"hashcat set to {percent} %", percent, window.percent(name), 3)


def _loads(act: Act, flags: dict) -> dict:
    """Starts our own load once per name, each with kernels of its own; returns when all compute."""
    started = {}
    for name, flag in flags.items():
        seed = act.dice.randrange(1, 10**6)
        started[name] = act.run(name, ["--memory", "256MiB", *flag],
                                [act.stage.load, "--seed", seed, "--seconds", 600])
    for program in started.values():
        program.wait_for_event("running", 60)
    return started


def weights(act: Act):
    """Three tenants share in proportion to their weights and leave nothing idle."""
    story = act.story
    scene = story.scene("Three tenants, weights 1 : 2 : 5", "No limits here: together they use all of "
                        "the device, in proportion to their weights. Their kernels and sizes are drawn "
                        "at random.", ("compute",))
    weight_of = {"one": 100, "two": 200, "five": 500}
    whole = sum(weight_of.values())
    started = _loads(act, {name: ["--weight", str(w)] for name, w in weight_of.items()})
    for name, weight in weight_of.items():
        scene.ask(name, 100 * weight / whole)
        jobs = started[name].wait_for_event("jobs", 1)["jobs"]
        story.say(f"{name}: {jobs}")
    act.settle()
    window = act.measure(WINDOW_SECONDS)
    total = sum(window.percent(name) for name in weight_of)
    for name, weight in weight_of.items():
        part = 100 * window.percent(name) / total if total else 0.0
        story.within(f"weight {weight} of {whole}", 100 * weight / whole, part, 4)
    story.check("all three together", "90 %", f"{total:.1f} %", total >= 90,
                "at least")
    act.stop(*weight_of)


def priority(act: Act):
    """A program of high priority comes and goes; one of low priority gives way."""
    story = act.story
    scene = story.scene("High priority first", "A program of low priority has the device for itself "
                        "until one of high priority has work. Then it holds back; afterwards it goes on.",
                        ("compute",))
    _loads(act, {"low": ["--priority", "low"]})
    scene.ask("low", None)
    act.settle()
    alone = act.measure(3).percent("low")
    story.check("low priority, alone", "90 %", f"{alone:.1f} %", alone >= 90, "at least")
    _loads(act, {"high": ["--priority", "high"]})
    scene.ask("high", None)
    scene.note("high comes")
    act.settle()
    window = act.measure(4)
    story.check("high priority, with low", "85 %",
                f"{window.percent('high'):.1f} %", window.percent("high") >= 85, "at least")
    story.check("low priority, with high", "10 %", f"{window.percent('low'):.1f} %",
                window.percent("low") <= 10, "at most")
    act.stop("high")
    scene.note("high has gone")
    act.settle()
    after = act.measure(3).percent("low")
    story.check("low priority, alone again", "90 %", f"{after:.1f} %", after >= 90, "at least")
    act.stop("low")
