# SPDX-License-Identifier: Apache-2.0
"""Measures programs from outside: what the kernel says in /proc of their CPU time and memory.

A program is found by two marks in its environment, which every process that it starts inherits:
`FOLDER`, the demo's own folder, and `MARK`, the program's name. So detached programs and those whose
parent died are found as well. Nothing here asks Melon for anything.

The device here is the CPU, and its driver (PoCL) runs kernels on threads of its own alone, one for each
core. It starts them when a program first asks for devices, which the demo's programs do before they
start any thread. So a program's device time is the CPU time of the first threads that it starts, as many
as there are cores. What its other threads compute is no share of the device, and nobody limits it:
hashcat's, which feed it, take 1 to 4 % of two cores.
"""
import dataclasses
import os
import pathlib
import threading
import time

MARK = "MELON_DEMO_PROGRAM"
FOLDER = "MELON_DEMO_FOLDER"
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
CORES = os.cpu_count() or 1


@dataclasses.dataclass(frozen=True)
class Process:
    pid: int
    program: str  # the mark's value
    start_ticks: int
    cpu_seconds: float  # user and system, all threads, since it started
    device_seconds: float  # those of the threads that run kernels
    resident_bytes: int


@dataclasses.dataclass(frozen=True)
class Machine:
    """Cumulative seconds of all cores together."""

    busy_seconds: float
    stolen_seconds: float  # taken by the hypervisor


def stat_fields(path: str) -> list:
    """The fields of a `stat` behind the command name, which may hold blanks and brackets."""
    text = pathlib.Path(path).read_text()
    return text[text.rindex(")") + 2 :].split()


def cpu_seconds_of(fields: list) -> float:
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND


def device_seconds_of(pid: int) -> float:
    """What the threads used that the process started first, one for each core."""
    threads = []
    for thread in map(int, os.listdir(f"/proc/{pid}/task")):
        if thread == pid:
            continue
        try:
            fields = stat_fields(f"/proc/{pid}/task/{thread}/stat")
        except OSError:  # it has ended, which the driver's do not
            continue
        threads.append((int(fields[19]), thread, cpu_seconds_of(fields)))
    return sum(seconds for _, _, seconds in sorted(threads)[:CORES])


def read_process(pid: int, program: str):
    """The process, or None when it is gone."""
    try:
        fields = stat_fields(f"/proc/{pid}/stat")
        device_seconds = device_seconds_of(pid)
    except OSError:
        return None
    return Process(pid, program, int(fields[19]), cpu_seconds_of(fields), device_seconds,
                   int(fields[21]) * PAGE_BYTES)


def environment_of(pid: int) -> dict:
    """The environment that the process was started with; {} when it is not ours to read."""
    try:
        raw = pathlib.Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return {}
    pairs = (entry.partition(b"=") for entry in raw.split(b"\0"))
    return {key.decode(errors="replace"): value.decode(errors="replace") for key, _, value in pairs}


def marked_processes(folder: str) -> list:
    """Every process that carries the folder's mark, the caller excepted."""
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) == os.getpid():
            continue
        environment = environment_of(int(name))
        if environment.get(FOLDER) != folder:
            continue
        process = read_process(int(name), environment.get(MARK, ""))
        if process:
            found.append(process)
    return found


def read_machine() -> Machine:
    """Busy is what is not idle: the kernel counts idle time exactly, the rest by ticks."""
    with open("/proc/stat") as stat:
        fields = [int(field) for field in stat.readline().split()[1:]]
    idle = (fields[3] + fields[4]) / TICKS_PER_SECOND
    stolen = fields[7] / TICKS_PER_SECOND
    return Machine(time.monotonic() * CORES - idle - stolen, stolen)


@dataclasses.dataclass(frozen=True)
class Sample:
    t: float  # CLOCK_MONOTONIC
    cpu_seconds: dict  # program -> cumulative, processes that ended included
    device_seconds: dict  # the same of device time
    resident_bytes: dict  # program -> now
    machine: Machine
    own_seconds: float  # CPU of the measuring process itself


class Totals:
    """Sums up seconds of processes by program, those of ended processes included."""

    def __init__(self):
        self.totals = {}  # program -> cumulative seconds
        self._last = {}  # (pid, start) -> seconds at the last sample

    def add(self, sampled: list):
        """Takes pairs of all processes that live and their cumulative seconds."""
        seen = {}
        for process, seconds in sampled:
            key = (process.pid, process.start_ticks)
            # A process first seen started since the last sample: all its time is new. (At the
            # meter's own start too: programs are started after it.) Seconds that fall because a
            # thread has ended are not counted again when they are back.
            last = self._last.get(key, 0.0)
            seen[key] = max(last, seconds)
            self.totals[process.program] = self.totals.get(process.program, 0.0) + seen[key] - last
        self._last = seen


class Meter:
    """Samples all marked programs in a thread of its own, until stopped.

    `samples` only grows; readers take a slice. CPU time that a process used between the last
    sample and its end is lost, at most one interval's worth.
    """

    INTERVAL_SECONDS = 0.2

    def __init__(self, folder: str):
        self.samples = []
        self._folder = folder
        self._cpu = Totals()
        self._device = Totals()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self):
        self.sample()
        self._thread.start()

    def stop(self):
        self._stop.set()
        self._thread.join()

    def _run(self):
        while not self._stop.wait(self.INTERVAL_SECONDS):
            self.sample()

    def sample(self) -> Sample:
        """Takes a sample now. Thread-safe."""
        with self._lock:
            resident = {}
            processes = marked_processes(self._folder)
            for process in processes:
                resident[process.program] = resident.get(process.program, 0) + process.resident_bytes
            self._cpu.add([(process, process.cpu_seconds) for process in processes])
            self._device.add([(process, process.device_seconds) for process in processes])
            sample = Sample(time.monotonic(), dict(self._cpu.totals), dict(self._device.totals),
                            resident, read_machine(), time.process_time())
            self.samples.append(sample)
            return sample

    def watch(self, seconds: float) -> "Window":
        """Waits and measures meanwhile."""
        first = self.sample()
        time.sleep(seconds)
        return Window(first, self.sample())


@dataclasses.dataclass(frozen=True)
class Window:
    """What happened between two samples. Percentages are of the whole machine, all cores."""

    first: Sample
    last: Sample

    @property
    def seconds(self) -> float:
        return self.last.t - self.first.t

    def cpu_seconds(self, program: str) -> float:
        return self.last.cpu_seconds.get(program, 0.0) - self.first.cpu_seconds.get(program, 0.0)

    def percent(self, program: str) -> float:
        """Of the device, which is all cores: what the program's kernels took."""
        used = self.last.device_seconds.get(program, 0.0) - self.first.device_seconds.get(program, 0.0)
        return 100 * used / (self.seconds * CORES)

    @property
    def foreign_percent(self) -> float:
        """Busy time of everything else: not marked, not the measuring process."""
        ours = sum(self.cpu_seconds(program) for program in self.last.cpu_seconds)
        ours += self.last.own_seconds - self.first.own_seconds
        before, after = self.first.machine, self.last.machine
        busy = after.busy_seconds - before.busy_seconds
        stolen = after.stolen_seconds - before.stolen_seconds
        return max(0.0, 100 * (busy + stolen - ours) / (self.seconds * CORES))
