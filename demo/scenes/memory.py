# SPDX-License-Identifier: Apache-2.0
"""Hard memory: refused above the slice, given inside it, and back after a crash."""
import time

from .. import programs
from ..act import Act
from ..stage import StageError, wait_until

SLICE_MIB = 512
LARGER_MIB = 768
SHARED_MIB = 1024
PART_MIB = 600  # two of them do not fit into SHARED_MIB
BACK_MILLISECONDS = 100


def memory(act: Act):
    """Programs that nobody here wrote, above and inside their slices."""
    scene = act.story.scene("Memory is a hard limit", "A program that asks for more device memory "
                            "than its slice is refused by the OpenCL call itself, and says so in its "
                            "own words. The same program runs in a larger slice.", ("memory",))
    _hashcat_above(act)
    _hashcat_inside(act)
    _pyopencl(act, "python-small", SLICE_MIB, fits=False)
    scene.limit("python-large", LARGER_MIB, "pyopencl")
    _pyopencl(act, "python-large", LARGER_MIB, fits=True)
    _to_the_byte(act)


def _hashcat_above(act: Act):
    status, output = act.run_to_end("cracker", ["--memory", f"{SLICE_MIB}MiB"],
                                    programs.hashcat("cracker", "--runtime", "3"))
    words = programs.hashcat_words(output)
    act.story.quote(words or programs.last_line(output))
    act.story.check(f"hashcat in {SLICE_MIB} MiB", "refused",
                    "refused, as it says" if words and status else f"exit {status}",
                    bool(words) and status != 0)


def _hashcat_inside(act: Act):
    _, output = act.run_to_end("cracker-large", ["--memory", f"{SHARED_MIB}MiB"],
                               programs.hashcat("cracker-large", "--runtime", "2"))
    speed = programs.hashcat_speed(output)
    act.story.check(f"hashcat in {SHARED_MIB} MiB", "given",
                    f"given, {speed / 1e6:.0f} MH/s" if speed else
                    f"refused: {programs.last_line(output)}", speed > 0)


def _pyopencl(act: Act, name: str, slice_mib: int, fits: bool):
    most = [0]

    def watch():
        resident = sum(p.resident_bytes for p in act.stage.processes(name)) >> 20
        most[0] = max(most[0], resident)
        return program.process.poll() is not None

    program = act.run(name, ["--memory", f"{slice_mib}MiB"], programs.pyopencl())
    wait_until(watch, 60, f"{name} to end")
    words = programs.last_line(program.output())
    act.story.quote(words)
    status = program.process.returncode
    if fits:
        kept = status == 0 and most[0] >= programs.PYOPENCL_MIB
        act.story.check(f"pyopencl, {programs.PYOPENCL_MIB} in {slice_mib} MiB", "given",
                        f"{'given' if kept else f'exit {status}'}, {most[0]} MiB used", kept)
    else:
        kept = status != 0 and "MEM_OBJECT_ALLOCATION_FAILURE" in words
        act.story.check(f"pyopencl, {programs.PYOPENCL_MIB} in {slice_mib} MiB", "refused",
                        "refused: MemoryError" if kept else f"exit {status}", kept)


def _to_the_byte(act: Act):
    load = [act.stage.load, "--memory-mib"]
    flags = ["--memory", f"{SLICE_MIB}MiB"]
    inside, _ = act.run_to_end("exact", flags, [*load, SLICE_MIB])
    above, _ = act.run_to_end("above", flags, [*load, SLICE_MIB + 1])
    act.story.check(f"{SLICE_MIB} MiB of {SLICE_MIB}; 1 MiB more", "given; refused",
                    f"{'given' if inside == 0 else 'refused'}; {'given' if above == 0 else 'refused'}",
                    inside == 0 and above != 0)


def killed(act: Act):
    """kill -9, and the memory is back for the survivors and for the next tenant."""
    scene = act.story.scene("kill -9, and the memory is back", "Two programs share one slice and a "
                            "third waits for a slice of its own. The program that holds the memory is "
                            "killed with SIGKILL: it cannot clean up, and nothing is lost.",
                            ("memory",))
    scene.limit("pair", SHARED_MIB, "killed")
    scene.track("peer", "its peer")
    scene.track("next", "next tenant")
    load = [act.stage.load, "--memory-mib"]
    delay, before = act.undisturbed(lambda: _kill_holder(act, scene, load),
                                    lambda found: found[0] <= BACK_MILLISECONDS)
    act.story.say(f"The killed program held {before} MiB.")
    act.story.check("memory back for its peer",
                    f"{BACK_MILLISECONDS} ms", f"{delay:.1f} ms", delay <= BACK_MILLISECONDS, "at most")
    _next_tenant(act, scene, load)


def _kill_holder(act: Act, scene, load: list) -> tuple:
    """Milliseconds until the peer had the memory of the killed program, and how many MiB it held."""
    act.stage.end("pair", "peer")  # of an attempt before
    act.gone("pair", "peer")
    holder = act.run("pair", ["--memory", f"{SHARED_MIB}MiB"], [*load, PART_MIB, "--hold"])
    holder.wait_for_event("filled", 30)
    act.story.command(f"melon exec pair -- melon-demo-load --memory-mib {PART_MIB} --retry --hold")
    peer = act.stage.start("peer", [act.stage.melon, "exec", "pair", "--", *load, PART_MIB, "--retry",
                                    "--hold"])
    peer.wait_for_event("refused", 30)
    act.story.say(f"The peer's {PART_MIB} MiB are refused: {PART_MIB} + {PART_MIB} > {SHARED_MIB}. It "
                  "asks again every millisecond.")
    before = sum(p.resident_bytes for p in act.stage.processes("pair")) >> 20
    act.story.command("kill -9 <the first program>")
    when = act.stage.kill("pair")
    given = peer.wait_for_event("given", 10)
    peer.wait_for_event("filled", 10)
    scene.note("kill -9", when)
    return 1000 * (given["t"] - when), before


def _next_tenant(act: Act, scene, load: list):
    """The whole free memory is asked for: only when the killed one's slice is back does it fit."""
    free = _free_mib(act)
    wanted = free + SHARED_MIB // 2
    waiting = act.run("next", ["--memory", f"{wanted}MiB", "--wait=30s"],
                      [*load, SLICE_MIB, "--hold"])
    wait_until(lambda: _state(act, "next") == "queued", 10, "the next tenant to be queued")
    act.story.say(f"The next tenant wants {wanted} MiB where {free} are free: it is queued.")
    act.story.command("kill -9 <the peer>")
    when = act.stage.kill("peer")
    given = waiting.wait_for_event("given", 30)
    scene.note("kill -9 of the peer", when)
    scene.limit("pair", None)
    delay = given["t"] - when
    act.story.check("slice back for the queue", "5 s",
                    f"{delay:.1f} s", delay <= 5, "at most")
    time.sleep(0.5)
    act.stop("next")


def _free_mib(act: Act) -> int:
    return next(d for d in act.query("devices") if d["id"] == act.device["id"])["free_memory_mib"]


def _state(act: Act, name: str) -> str:
    found = [w for w in act.query("ps", "-a") if w["name"] == name]
    if not found:
        return ""
    if found[-1]["state"] in ("failed", "lost"):
        raise StageError(f"{name} is {found[-1]['state']}")
    return found[-1]["state"]
