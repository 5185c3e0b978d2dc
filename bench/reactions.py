# SPDX-License-Identifier: Apache-2.0
"""How soon things take effect: a changed limit, a suspension, memory after kill -9, findings of the daemon.

Each is caused several times and seen from outside: CPU time by the kernel's count, a peer that asks for
the memory, the daemon's answers. The time runs from the moment before the cause.
"""
import json
import os
import pathlib
import random
import statistics
import time

from demo import meter
from demo.act import Act
from demo.stage import is_melon, wait_until

from . import figures
from .daemon import UnixConnection

ROUNDS = 5
LOW, HIGH = 5, 40  # percent
CROSSED = 14  # a change has taken effect when the rate has crossed this, their geometric middle
RATE_SECONDS = 0.1  # over which a rate is taken
POLL_SECONDS = 0.005
OVER_POLL_SECONDS = 0.0005
HELD_MIB = 600
SHARED_MIB = 1024
PEER_MIB = 16
ARRIVALS = 20


def _figure(name: str, limit: float, unit: str, times: list) -> figures.Figure:
    figure = figures.at_most(name, limit, max(times), unit, times=times)
    figure.measured += f" (longest of {len(times)}, median {statistics.median(times):.3g} {unit})"
    return figure


def _until(condition, seconds: float, what: str) -> float:
    """When the condition came true, looked at every few milliseconds."""
    def holds():
        time.sleep(POLL_SECONDS)
        return condition()
    wait_until(holds, seconds, what)
    return time.monotonic()


class Rate:
    """The program's share of the machine over the last tenth of a second, in percent."""

    def __init__(self, act: Act, name: str):
        self._pids = [p.pid for p in act.stage.processes(name)]
        self._name = name
        self._samples = []

    def now(self) -> float:
        found = [meter.read_process(pid, self._name) for pid in self._pids]
        self._samples.append((time.monotonic(), sum(p.cpu_seconds for p in found if p)))
        while len(self._samples) > 2 and self._samples[1][0] <= self._samples[-1][0] - RATE_SECONDS:
            self._samples.pop(0)
        (begin, used_before), (end, used) = self._samples[0], self._samples[-1]
        if end - begin < RATE_SECONDS:
            return CROSSED  # not yet known
        return 100 * (used - used_before) / ((end - begin) * meter.CORES)


def limits(act: Act) -> list:
    """From `melon set` until the program runs at the new rate, up and down in turns."""
    seed = act.dice.randrange(1, 10**6)
    program = act.run("set", ["--memory", "256MiB", "--compute", f"{LOW}%"],
                      [act.stage.load, "--seed", seed, "--seconds", 600])
    program.wait_for_event("running", 60)
    times = {HIGH: [], LOW: []}
    for number in range(2 * ROUNDS):
        act.settle()
        wanted = LOW if number % 2 else HIGH
        rate = Rate(act, "set")
        begin = time.monotonic()
        act.melon("set", "set", "--compute", f"{wanted}%", show=False)
        crossed = _until(lambda: rate.now() > CROSSED if wanted == HIGH else rate.now() < CROSSED, 30,
                         f"{wanted} % to take effect")
        times[wanted].append(crossed - begin)
    act.stop("set")
    return [_figure(f"melon set {LOW} % to {HIGH} %, until it runs so", 1, "s", times[HIGH]),
            _figure(f"melon set {HIGH} % to {LOW} %, until it runs so", 1, "s", times[LOW])]


def _arrivals(act: Act, name: str, count: int) -> list:
    """Milliseconds from the call of a high-priority tenant's first kernel after a rest to its end."""
    program = act.run(name, ["--memory", "256MiB", "--priority", "high"],
                      [act.stage.load, "--arrivals", count], show=False)
    program.wait_for_event("arrived", 120)
    program.wait(30)
    act.gone(name)
    return [event["ms"] for event in program.events() if event.get("event") == "arrival"]


def first_kernel(act: Act) -> list:
    """A high-priority tenant comes while a low one saturates the device: how long its first kernel waits
    for its start, in kernels of the low one. The kernel itself takes microseconds; what it takes
    when nobody else is there is not counted."""
    solo = statistics.median(_arrivals(act, "first-solo", ROUNDS))
    seed = act.dice.randrange(1, 10**6)
    low = act.run("first-low", ["--memory", "256MiB", "--priority", "low"],
                  [act.stage.load, "--seed", seed, "--seconds", 600], show=False)
    longest = low.wait_for_event("running", 60)["longest_kernel_ms"]
    waits = [max(0.0, took - solo) for took in _arrivals(act, "first-high", ARRIVALS)]
    act.stop("first-low")
    figure = figures.at_most("a high tenant's first kernel beside a saturating low one: waits for its start",
                             1, max(waits) / longest, "low kernels", waits_ms=waits,
                             longest_low_kernel_ms=longest, solo_ms=solo)
    figure.measured += (f" (longest of {len(waits)} waits {max(waits):.3g} ms, median "
                        f"{statistics.median(waits):.3g} ms; longest low kernel {longest:.3g} ms)")
    return [figure]


def suspension(act: Act) -> list:
    """From `melon suspend` until the program's kernels have stopped, and from `melon resume` until they run."""
    seed = act.dice.randrange(1, 10**6)
    program = act.run("pause", ["--memory", "256MiB", "--compute", f"{HIGH}%"],
                      [act.stage.load, "--seed", seed, "--seconds", 600])
    program.wait_for_event("running", 60)
    times = {"suspend": [], "resume": []}
    for verb in ("suspend", "resume") * ROUNDS:
        act.settle()
        rate = Rate(act, "pause")
        begin = time.monotonic()
        act.melon(verb, "pause", show=False)
        crossed = _until(lambda: rate.now() < CROSSED if verb == "suspend" else rate.now() > CROSSED, 30,
                         f"{verb} to take effect")
        times[verb].append(crossed - begin)
    act.stop("pause")
    return [_figure("melon suspend, until its kernels have stopped", 1, "s", times["suspend"]),
            _figure("melon resume, until they run again", 1, "s", times["resume"])]


def _holder(act: Act, peer_mib: int, *peer_flags: str) -> tuple:
    """A program that holds most of a grant, and a peer in the same grant."""
    load = [act.stage.load, "--memory-mib"]
    holder = act.run("holder", ["--memory", f"{SHARED_MIB}MiB"], [*load, HELD_MIB, "--hold"], show=False)
    holder.wait_for_event("filled", 30)
    peer = act.stage.start("peer", [act.stage.melon, "exec", "holder", "--", *load, peer_mib, *peer_flags,
                                    "--hold"])
    return holder, peer


def _is_over(pid: int) -> bool:
    """True once no thread of the process is left: until then the kernel may be freeing its memory."""
    for path in pathlib.Path(f"/proc/{pid}/task").glob("*/stat"):
        try:
            if path.read_text().rpartition(") ")[2][0] not in "ZX":
                return False
        except (FileNotFoundError, ProcessLookupError):
            pass
    return True


def memory_on_demand(act: Act) -> list:
    """kill -9 of the holder, until its peer, which asks every millisecond, is given the memory. And of
    that what comes after the kernel has ended the holder: taking 600 MiB of pages back is its work."""
    times, afterwards = [], []
    for _ in range(ROUNDS):
        _, peer = _holder(act, HELD_MIB, "--retry")
        peer.wait_for_event("refused", 30)
        program = next(p.pid for p in act.stage.processes("holder") if not is_melon(p.pid))
        killed = act.stage.kill("holder")
        while not _is_over(program):
            time.sleep(OVER_POLL_SECONDS)
        over, given = time.monotonic(), peer.wait_for_event("given", 30)["t"]
        times.append(1000 * (given - killed))
        afterwards.append(1000 * max(0, given - over))
        peer.wait_for_event("filled", 30)
        act.stage.end("peer")
        act.gone("holder", "peer")
    return [_figure("memory back after kill -9, asked for", 100, "ms", times),
            _figure("the same, from when the kernel has ended the process", 100, "ms", afterwards)]


def memory_idle(act: Act) -> list:
    """kill -9 of the holder, until the daemon shows the memory free though nobody asks for it."""
    connection, times = UnixConnection(act.stage.socket), []

    def used() -> int:
        return json.loads(connection.call("GET", "/v1/grants/holder"))["slices"][0]["used_memory_mib"]
    for _ in range(ROUNDS):
        _, peer = _holder(act, PEER_MIB)
        peer.wait_for_event("filled", 30)
        wait_until(lambda: used() == HELD_MIB + PEER_MIB, 30, "both to be counted")
        killed = act.stage.kill("holder")
        times.append(_until(lambda: used() == PEER_MIB, 30, "the memory to come back") - killed)
        act.stage.end("peer")
        act.gone("holder", "peer")
    return [_figure("memory back after kill -9, nobody asks", 1, "s", times)]


def unmanaged(act: Act) -> list:
    """A program outside any grant: from its first use of the device until the daemon names it."""
    connection, times = UnixConnection(act.stage.socket), []

    def named(pid: int) -> bool:
        return any(finding["code"] == "unmanaged_process" and f"process {pid} " in finding["message"]
                   for finding in json.loads(connection.call("GET", "/v1/findings")))
    for _ in range(ROUNDS):
        time.sleep(random.random())  # anywhere between two looks of the daemon
        program = act.stage.start("outside", [act.stage.load, "--memory-mib", PEER_MIB, "--hold"])
        used = program.wait_for_event("device", 30)["t"]
        seen = _until(lambda: named(program.process.pid), 30, "the process outside to be named")
        times.append(seen - used)
        act.stage.end("outside")
    return [_figure("unmanaged process, until it is reported", 2, "s", times)]


def garbage(act: Act) -> list:
    """Random bytes over a tenant's own ledger, until the daemon flags its grant."""
    connection, times = UnixConnection(act.stage.socket), []
    for number in range(ROUNDS):
        name = f"garbage-{number}"
        made = json.loads(connection.call("POST", "/v1/grants", {"name": name, "memory": "1MiB",
                                                                  "keep_seconds": 600}))
        ledger = pathlib.Path(made["folder"]) / "ledger"
        time.sleep(random.random())
        begin = time.monotonic()
        with open(ledger, "r+b") as file:
            file.write(os.urandom(ledger.stat().st_size))

        def flagged() -> bool:
            return "ledger_broken" in json.loads(connection.call("GET", f"/v1/grants/{name}"))["flags"]
        times.append(_until(flagged, 30, "the garbage to be flagged") - begin)
        connection.call("DELETE", f"/v1/grants/{name}?force=true")
    return [_figure("garbage in a ledger, until it is flagged", 2, "s", times)]


def _with_strangers(act: Act, measure) -> list:
    first = act.meter.sample()
    measured = measure(act)
    foreign = meter.Window(first, act.meter.sample()).foreign_percent
    for figure in measured:
        figure.values["foreign_percent"] = foreign
    return measured


def all_of(act: Act) -> list:
    found = []
    for measure in (limits, first_kernel, suspension, memory_on_demand, memory_idle, unmanaged, garbage):
        act.story.screen.progress(f"reactions: {measure.__name__}")
        found += act.undisturbed(lambda measure=measure: _with_strangers(act, measure),
                                 lambda measured: all(figure.kept for figure in measured))
    return found
