# SPDX-License-Identifier: Apache-2.0
"""A real daemon in a folder of its own, and what tests need to talk to it. Standard library only."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

from http_exchange import Exchange, exchange

BINARY = os.environ.get("MELON_AGENT", "")
VENDORS = pathlib.Path(__file__).resolve().parents[2] / "src" / "vendors"
# Tests play on the CPU through PoCL; GPUs that this machine has are left alone.
IGNORED = [path.stem for path in sorted(VENDORS.glob("*.yaml"))
           if "discovery: opencl" not in path.read_text()]
IGNORED_LINE = f"ignored_devices: [{', '.join(IGNORED)}]\n"
POCL = "/etc/OpenCL/vendors/pocl.icd"
if os.path.exists(POCL):
    os.environ["OCL_ICD_VENDORS"] = POCL  # programs that a test starts see the same
# A thread of this program launches kernels until `ended` is set; `rounds` of them have ended.
SPINNING = """
import threading
import pyopencl as cl
context = cl.Context(cl.get_platforms()[0].get_devices()[:1])
queue = cl.CommandQueue(context)
kernel = cl.Kernel(cl.Program(context, '''
kernel void spin(global uint* out) {
  uint x = get_global_id(0);
  for (int i = 0; i < 20000; ++i) x = x * 1664525u + 1013904223u;
  out[get_global_id(0)] = x;
}''').build(), "spin")
numbers = cl.Buffer(context, cl.mem_flags.READ_WRITE, 4 * 4096)
kernel.set_args(numbers)
rounds = 0
ended = threading.Event()
def work():
    global rounds
    while not ended.is_set():
        for _ in range(3):
            cl.enqueue_nd_range_kernel(queue, kernel, (4096,), None)
        queue.finish()
        rounds += 1
worker = threading.Thread(target=work)
worker.start()
"""
SOON_SECONDS = 30  # bounded waiting for an event; never a figure

# Users who exist on no machine: tests need no account.
ALICE = 12001
BOB = 12002


def call(path, method, target, body=None, raw=None, user=None):
    data = raw if raw is not None else (None if body is None else json.dumps(body).encode())
    return exchange(path, Exchange(method, target, data, user=user))


def as_user(uid, function):
    """Runs function() in a child with this user id and returns its (JSON-able) result."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(uid)
            os.setuid(uid)
            result = json.dumps({"result": function()})
        except BaseException as error:  # the parent must hear of anything
            result = json.dumps({"error": repr(error)})
        os.write(writer, result.encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        answer = json.loads(pipe.read())
    os.waitpid(child, 0)
    if "error" in answer:
        raise AssertionError(answer["error"])
    return answer["result"]


def eventually(what, condition, seconds=SOON_SECONDS):
    """Waits until condition() is true; fails naming `what`."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError(f"did not happen within {seconds} s: {what}")


class Daemon:
    """One daemon; `folder` outlives it, so that another can go on with the same state."""

    def __init__(self, folder=None, config="", uid=None, environment=None, devices=IGNORED_LINE):
        self.folder = pathlib.Path(folder or tempfile.mkdtemp(prefix="melon-agent-"))
        os.chmod(self.folder, 0o755)
        self.state = self.folder / "state"
        self.socket = str(self.state / "melon.sock")
        self.config = self.folder / "melon.yaml"
        self.config.write_text(f"lock_folder: {self.folder}/locks\n" + devices + config)
        self.config.chmod(0o644)  # other users' daemons read it too, whatever the umask
        self.uid = uid
        # PoCL keeps a cache in HOME and finds no device when it cannot write there.
        home = {"HOME": str(self.folder)} if uid else {}
        self.environment = {**os.environ, **home, **(environment or {})}
        self.process = None
        self.log = self.folder / "log"

    def start(self, wait=True):
        command = [BINARY, "--state", str(self.state), "--config", str(self.config)]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                command, stderr=log, stdout=log, stdin=subprocess.DEVNULL, user=self.uid,
                env=self.environment)
        if wait:
            eventually("the daemon answers", self.answers)
        return self

    def answers(self):
        if self.process.poll() is not None:
            raise AssertionError(f"the daemon ended: {self.log.read_text()}")
        try:
            return self.call("GET", "/v1/health").status == 200
        except OSError:
            return False

    def call(self, method, target, body=None, raw=None):
        return call(self.socket, method, target, body, raw)

    def call_as(self, uid, method, target, body=None):
        return call(self.socket, method, target, body, user=uid)

    def grant(self, name):
        answer = self.call("GET", f"/v1/grants/{name}")
        return answer.json if answer.status == 200 else None

    def create(self, **request):
        answer = self.call("POST", "/v1/grants", {"type": "opencl", **request})
        assert answer.status in (201, 202), answer.text
        return answer.json

    def wait_state(self, name, *states):
        return eventually(f"{name} becomes {states}", lambda: (
            lambda g: g if g and g["state"] in states else None)(self.grant(name)))

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(SOON_SECONDS)
        return self.process.returncode if self.process else None

    def remove(self):
        if self.process and self.process.poll() is None:
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


class DaemonTest(unittest.TestCase):
    """A test with one running daemon."""

    CONFIG = ""

    def setUp(self):
        self.daemon = Daemon(config=self.CONFIG).start()
        self.addCleanup(self.daemon.remove)
        self.programs = []
        self.addCleanup(self.end_programs)

    def program(self, uid=None, command=("sleep", "1000"), **options):
        program = subprocess.Popen(command, user=uid, **options)
        self.programs.append(program)
        return program

    def end_programs(self):
        for program in self.programs:
            if program.poll() is None:
                program.kill()
            program.wait()

    def assert_refused(self, answer, status, code, *named):
        self.assertEqual(answer.status, status, answer.text)
        error = answer.json["error"]
        self.assertEqual(error["code"], code, answer.text)
        self.assertTrue(error["message"], answer.text)
        for word in named:
            self.assertIn(word, error["message"] + error["remedy"])
