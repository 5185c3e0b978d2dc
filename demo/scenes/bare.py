# SPDX-License-Identifier: Apache-2.0
"""What programs get when nothing is between them and the device."""
from .. import programs
from ..act import Act
from ..stage import StageError

MEMORY_MIB = 1536


def _python(act: Act):
    """The program that a slice will refuse takes what it asks for here."""
    act.story.command("python3 -c …")
    result = act.stage.run("bare-python", programs.pyopencl(), 90)
    if result.returncode != 0:
        raise StageError(f"pyopencl does not run without Melon:\n{result.stdout[-800:]}")
    act.story.quote(programs.last_line(result.stdout))


def without_melon(act: Act):
    """Two programs race, and nothing limits their memory."""
    story, stage = act.story, act.stage
    scene = story.scene("Without Melon", "Two copies of hashcat on the bare device. Nothing stands "
                        "between them: they race, and a third program takes what memory it likes.",
                        ("compute", "memory"))
    names = ("bare-1", "bare-2")
    story.command("hashcat … & hashcat … &")
    racers = [stage.start(name, programs.hashcat(name)) for name in names]
    for name, label in zip((*names, "bare-3"), ("one hashcat", "another", "a third program")):
        scene.track(name, label)
    for racer in racers:
        programs.hashcat_running(racer)
    window = act.measure(4, tries=1)  # nothing is promised here
    figures = [window.percent(name) for name in names]
    story.say(f"They race: {figures[0]:.0f} % and {figures[1]:.0f} % of the machine, and no way to "
              "say who should have more.")
    _python(act)
    story.command(f"melon-demo-load --memory-mib {MEMORY_MIB} --hold &")
    holder = stage.start("bare-3", [stage.load, "--memory-mib", MEMORY_MIB, "--hold"])
    holder.wait_for_event("filled", 30)
    resident = sum(p.resident_bytes for p in stage.processes("bare-3")) >> 20
    story.say(f"A program that asks for {MEMORY_MIB} MiB of the device has {resident} MiB resident: "
              "nobody asked whether others need it.")
    act.meter.sample()
    stage.end(*names, "bare-3")
