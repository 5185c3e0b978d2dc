# SPDX-License-Identifier: Apache-2.0
"""Where a run plays: its folder, the programs' environment, starting and stopping them.

Everything that is started here, and everything that it starts in turn, carries marks in its
environment (meter.py); `clear()` ends exactly those. All files are below the stage's folder: home,
caches and temporary folders of every program point there.
"""
import dataclasses
import fcntl
import json
import os
import pathlib
import shlex
import shutil
import signal
import subprocess
import time

from . import meter

POCL_ICD = pathlib.Path("/etc/OpenCL/vendors/pocl.icd")
VENDORS = pathlib.Path(__file__).resolve().parents[1] / "src" / "vendors"
LONGEST_SOCKET_PATH = 100  # sun_path has 108 bytes


class StageError(Exception):
    """The run cannot go on; the message says why and what to do."""


@dataclasses.dataclass
class Program:
    """A started program. Its output goes to `log`."""

    name: str
    process: subprocess.Popen
    log: pathlib.Path

    def output(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def events(self) -> list:
        """The JSON objects among its output lines."""
        return json_objects(self.output())

    def wait(self, seconds: float) -> int:
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise StageError(f"{self.name} did not end within {seconds:.0f} s; its output: {self.log}")

    def wait_for_event(self, event: str, seconds: float) -> dict:
        """The first event of that kind; fails when the program ends or the time is over."""
        def find():
            found = [e for e in self.events() if e.get("event") == event]
            if not found and self.process.poll() is not None and not self.events():
                raise StageError(f"{self.name} ended:\n{self.output()[-800:]}")
            return found[0] if found else None
        return wait_until(find, seconds, f"{self.name} to report '{event}' (see {self.log})")


def json_objects(output: str) -> list:
    """One for each line that is one; the last line may be half written."""
    found = []
    for line in output.splitlines():
        if line.startswith("{"):
            try:
                found.append(json.loads(line))
            except json.JSONDecodeError:
                continue
    return found


def wait_until(condition, seconds: float, what: str):
    """Polls until the condition gives something true; that is the result."""
    deadline = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise StageError(f"waited {seconds:.0f} s in vain for {what}")
        time.sleep(0.02)


class Stage:
    """`driver`: the only OpenCL driver that its programs see; by default PoCL, so that this
    machine's GPUs stay out of it."""

    def __init__(self, folder: pathlib.Path, binaries: pathlib.Path, driver=POCL_ICD):
        self.folder = folder.resolve()
        self.binaries = binaries.resolve()
        self.driver = driver
        self.state = self.folder / "state"
        self.logs = self.folder / "logs"
        self.socket = self._socket_path()
        self._started = []
        self._lock = None

    def _socket_path(self) -> str:
        path = str(self.folder / "melon.sock")
        # A socket's path is short by nature; every program here starts in the folder itself.
        return path if len(path) <= LONGEST_SOCKET_PATH else "melon.sock"

    @property
    def configuration(self) -> str:
        """The daemon's: its locks on devices stay in the folder too. Of all vendors it takes devices of
        OpenCL alone, whose only driver here is `driver`."""
        path = self.folder / "demo.yaml"
        others = [vendor.stem for vendor in sorted(VENDORS.glob("*.yaml"))
                  if "discovery: opencl" not in vendor.read_text()]
        path.write_text(f"lock_folder: {self.folder / 'runtime'}\nignored_devices: [{', '.join(others)}]\n")
        return path.name

    @property
    def melon(self) -> pathlib.Path:
        return self.find("melon")

    @property
    def load(self) -> pathlib.Path:
        return self.find("melon-demo-load")

    def find(self, name: str) -> pathlib.Path:
        for place in ("bin", "demo", "src/apps", "src/shim/opencl", "src/sim/opencl", "."):
            path = self.binaries / place / name
            if path.is_file() and os.access(path, os.X_OK):
                return path
        raise StageError(f"no {name} below {self.binaries}: build it first (make demo does)")

    def open(self):
        """Makes the folder ready; ends what an earlier run, cut off, may have left."""
        self.folder.mkdir(parents=True, exist_ok=True)
        lock = open(self.folder / "lock", "w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            raise StageError(f"another run uses {self.folder}: wait for it or stop it")
        self._lock = lock
        self.clear()
        for leftover in (self.state, self.logs, self.folder / "tmp"):
            shutil.rmtree(leftover, ignore_errors=True)
        for made in ("logs", "tmp", "home", "cache", "data", "config", "pocl", "runtime"):
            (self.folder / made).mkdir(exist_ok=True)
        (self.folder / "runtime").chmod(0o700)

    def close(self):
        """Ends what was started and gives the folder free; another run's folder is left alone."""
        if not self._lock:
            return
        self.clear()
        for process in self._started:
            process.wait()
        self._lock.close()
        self._lock = None

    def environment(self, name: str) -> dict:
        """For a program called `name`: ours, without other people's Melon, inside the folder."""
        dropped = ("MELON_", "OPENCL_LAYERS", "LD_PRELOAD", "OCL_ICD_", "POCL_", "HASHCAT")
        kept = {k: v for k, v in os.environ.items() if not k.startswith(dropped)}
        kept.update({
            meter.FOLDER: str(self.folder), meter.MARK: name, "MELON_SOCKET": self.socket,
            "HOME": str(self.folder / "home"), "TMPDIR": str(self.folder / "tmp"),
            "XDG_CACHE_HOME": str(self.folder / "cache"), "XDG_DATA_HOME": str(self.folder / "data"),
            "XDG_CONFIG_HOME": str(self.folder / "config"),
            "XDG_RUNTIME_DIR": str(self.folder / "runtime"),
            "POCL_CACHE_DIR": str(self.folder / "pocl"), "PYTHONDONTWRITEBYTECODE": "1",
            "PYOPENCL_NO_CACHE": "1",
        })
        if self.driver.exists():
            kept["OCL_ICD_VENDORS"] = str(self.driver)
        return kept

    def start(self, name: str, command: list) -> Program:
        log = self.logs / f"{name}.log"
        with open(log, "w") as out:
            process = subprocess.Popen([str(part) for part in command], stdin=subprocess.DEVNULL,
                                       stdout=out, stderr=subprocess.STDOUT, cwd=self.folder,
                                       env=self.environment(name), start_new_session=True)
        self._started.append(process)
        return Program(name, process, log)

    def run(self, name: str, command: list, seconds: float = 60) -> subprocess.CompletedProcess:
        """Runs to the end; stdout and stderr together in `stdout`."""
        try:
            return subprocess.run([str(part) for part in command], stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                  errors="replace", cwd=self.folder, env=self.environment(name),
                                  timeout=seconds, check=False)
        except subprocess.TimeoutExpired:
            raise StageError(f"`{shlex.join(map(str, command))}` did not end in {seconds:.0f} s")

    def clear(self, grace_seconds: float = 0.5):
        """Ends every process that this stage, now or in an earlier run, has started."""
        for send in (signal.SIGTERM, signal.SIGKILL, signal.SIGKILL):
            left = meter.marked_processes(str(self.folder))
            for process in left:
                try:
                    os.kill(process.pid, signal.SIGCONT)  # a stopped one cannot die politely
                    os.kill(process.pid, send)
                except ProcessLookupError:
                    pass
            deadline = time.monotonic() + grace_seconds
            while left and time.monotonic() < deadline:
                time.sleep(0.02)
                left = [p for p in left if _alive(p)]

    def kill(self, program: str) -> float:
        """SIGKILL to the program itself, not to the `melon run` that started it; when."""
        when = time.monotonic()
        for process in self.processes(program):
            if not is_melon(process.pid):
                when = time.monotonic()
                os.kill(process.pid, signal.SIGKILL)
        return when

    def end(self, *programs: str):
        """Kills programs that run without Melon and waits until they are gone."""
        for program in programs:
            self.kill(program)
        wait_until(lambda: not any(_alive(p) for name in programs for p in self.processes(name)), 10,
                   f"{', '.join(programs)} to end")

    def processes(self, program: str) -> list:
        return [p for p in meter.marked_processes(str(self.folder)) if p.program == program]


def _alive(process) -> bool:
    try:
        state = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


def is_melon(pid: int) -> bool:
    try:
        return pathlib.Path(f"/proc/{pid}/comm").read_text().startswith("melon\n")
    except OSError:
        return False
