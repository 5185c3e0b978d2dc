# SPDX-License-Identifier: Apache-2.0
"""The daemon: up, killed and back, down."""
import os
import signal
import time

from .. import meter
from ..act import Act
from ..stage import StageError, wait_until
from .compute import start_crackers


def devices(act: Act):
    """One command, and the device is there."""
    act.story.scene("melon up, melon devices", "One process on one machine: it finds the devices, grants "
                    "slices of them and tells programs their limits.")
    started = time.monotonic()
    act.up()
    act.story.say(f"Ready after {time.monotonic() - started:.1f} s.")
    act.story.quote(act.melon("devices"), "tabular")
    found = [d for d in act.query("devices") if d["vendor"] == "opencl" and not d.get("simulated")]
    if not found:
        raise StageError("the daemon found no OpenCL device; `melon doctor` says why")
    act.device = found[0]
    act.story.say(f"One device: {act.device['memory_mib']} MiB to give, and all of its compute.")
    act.story.facts.append(("device memory", f"{act.device['memory_mib']} MiB"))


def restart(act: Act):
    """SIGKILL to the daemon: programs stay limited, the next daemon adopts them."""
    story, names = act.story, {"quarter": 50, "half": 25}
    scene = story.scene("The daemon is killed, and comes back", "Limits do not live in the daemon. It is "
                        "killed with SIGKILL while both copies of hashcat run: they stay limited, the next "
                        "daemon finds them, and limits can be changed again.", ("compute",))
    if not all(act.stage.processes(name) for name in names):
        start_crackers(act, scene, names)  # this scene plays alone
    before = {name: act.processes_of(name) for name in names}
    for name, percent in names.items():
        scene.ask(name, percent)
    story.command("kill -9 <the daemon>")
    os.kill(act.daemon_pid(), signal.SIGKILL)
    scene.note("daemon killed")
    time.sleep(0.3)
    story.quote(act.melon("ps", expect=5))
    window = act.measure(5)
    for name, percent in names.items():
        story.within(f"{percent} % without a daemon", percent, window.percent(name), 3)
    act.up()
    scene.note("daemon back")
    wait_until(lambda: all(act.processes_of(name) for name in names), 10, "both to be adopted")
    after = {name: act.processes_of(name) for name in names}
    story.quote(act.melon("ps"), "tabular")
    story.check("processes as before", "the same",
                "the same" if before == after else f"{before} became {after}", before == after)
    act.melon("set", "quarter", "--compute", "10%")
    scene.ask("quarter", 10)
    scene.note("melon set")
    act.settle()
    window = act.measure(5)
    for name, percent in {"quarter": 10, "half": 25}.items():
        story.within(f"{percent} % by the next daemon", percent, window.percent(name), 3)
    act.stop(*names)


def end(act: Act):
    """Nothing stays behind."""
    act.story.scene("melon down", "Everything is stopped; nothing was touched outside the build folder.")
    act.melon("down", "--stop-all")
    time.sleep(0.5)
    left = meter.marked_processes(str(act.stage.folder))
    act.story.check("processes left behind", "0", str(len(left)), not left)
