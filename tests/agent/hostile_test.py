# SPDX-License-Identifier: Apache-2.0
"""Bad input, bad clients and bad tenants: a clear message, and the daemon lives."""
import os
import random
import re
import socket
import subprocess
import sys
import threading
import unittest

from daemon_under_test import DaemonTest, call, eventually
from http_exchange import Connection

ESCAPER = 12003  # nobody else is told of by this number


class BadInput(DaemonTest):
    def test_bodies(self):
        cases = ((b"", "JSON"), (b"{", "JSON"), (b"\xff\xfe", "JSON"), (b"[]", "object"),
                 (b"[" * 500000, "JSON"), (b'{"memory":"0"}', "memory"), (b'{"memory":"-1"}', "memory"),
                 (b'{"memory":"9e99GiB"}', "memory"), (b'{"memory":"1 GB"}', "memory"),
                 (b'{"compute":"25"}', "compute"), (b'{"compute":"101%"}', "compute"),
                 (b'{"shre":"hard"}', "shre"), (b'{"name":"A b"}', "A b"),
                 (b'{"name":"g-5wnenhx6eoni"}', "g-5wnenhx6eoni"), (b'{"count":0}', "count"))
        for body, named in cases:
            answer = self.daemon.call("POST", "/v1/grants", raw=body)
            self.assert_refused(answer, 400, "invalid_argument", named)
            self.assertTrue(answer.json["error"]["remedy"], body[:40])
        self.assertTrue(self.daemon.answers())

    def test_unknown_device_and_type(self):
        for field, status, code in (("device", 404, "not_found"), ("type", 409, "does_not_fit")):
            answer = self.daemon.call("POST", "/v1/grants", {field: "nope", "memory": "1MiB"})
            self.assert_refused(answer, status, code, "nope")

    def test_a_body_of_10_mb(self):
        connection = Connection(self.daemon.socket)
        try:
            connection.request("POST", "/v1/grants", b"x" * 10_000_000)
            self.assertEqual(connection.getresponse().status, 413)
        except OSError:
            pass  # it stopped reading, which is an answer too
        connection.close()
        self.assertTrue(self.daemon.answers())

    def test_unknown_paths_and_methods(self):
        self.assert_refused(self.daemon.call("GET", "/v2"), 404, "not_found", "/v2")
        self.assert_refused(self.daemon.call("PUT", "/v1/grants"), 405, "invalid_argument", "GET, POST")
        self.assert_refused(self.daemon.call("GET", "/v1/grants?all=maybe"), 400, "invalid_argument", "maybe")
        self.assert_refused(self.daemon.call("GET", "/v1/events?since=x"), 400, "invalid_argument", "x")

    def test_random_bytes_on_the_socket(self):
        rng = random.Random(7)
        for _ in range(200):
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(self.daemon.socket)
                client.sendall(rng.randbytes(rng.randrange(1, 400)))
        self.assertTrue(self.daemon.answers())

    def test_a_thousand_connections(self):
        silent = []
        try:
            for _ in range(1000):
                client = socket.socket(socket.AF_UNIX)
                client.settimeout(30)
                client.connect(self.daemon.socket)
                silent.append(client)
            self.assertEqual(self.daemon.call("GET", "/v1/health").status, 200)
        finally:
            for client in silent:
                client.close()

    def test_a_client_that_dribbles_keeps_nobody_waiting(self):
        with socket.socket(socket.AF_UNIX) as slow:
            slow.connect(self.daemon.socket)
            slow.sendall(b"POST /v1/grants HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
            self.assertEqual(self.daemon.call("GET", "/v1/health").status, 200)

    def test_callers_at_once_never_overbook(self):
        memory = self.daemon.call("GET", "/v1/devices").json[0]["memory_mib"]
        answers = []

        def ask():
            for _ in range(10):
                answers.append(call(self.daemon.socket, "POST", "/v1/grants",
                                    {"type": "opencl", "memory": f"{memory // 7}MiB"}).status)
        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(answers.count(201), 7)
        self.assertEqual(answers.count(409), len(answers) - 7)


class BadTenants(DaemonTest):
    def broken(self, name):
        def flagged():
            return "ledger_broken" in self.daemon.grant(name)["flags"]
        eventually(f"the ledger of {name} is flagged", flagged)

    def test_garbage_and_truncated_ledgers_are_flagged_and_others_unaffected(self):
        rng = random.Random(11)
        victim = self.daemon.create(name="victim", memory="1MiB", keep_seconds=600)
        for number, harm in enumerate(("garbage", "truncated", "empty", "slots", "owners")):
            grant = self.daemon.create(name=harm, memory="1MiB", keep_seconds=600)
            path = grant["folder"] + "/ledger"
            size = os.path.getsize(path)
            with open(path, "r+b") as ledger:
                if harm == "garbage":
                    ledger.write(rng.randbytes(size))
                elif harm == "truncated":
                    ledger.truncate(size // 2)
                elif harm == "empty":
                    ledger.truncate(0)
                else:
                    ledger.seek(48 if harm == "slots" else 100)
                    ledger.write(rng.randbytes(size - 100))
            self.broken(harm)
            self.assertTrue(self.daemon.answers(), number)
        self.assertEqual(self.daemon.grant("victim")["flags"], [])
        codes = [finding["code"] for finding in self.daemon.call("GET", "/v1/findings").json]
        self.assertIn("ledger_broken", codes)
        self.assertEqual(self.daemon.call("DELETE", "/v1/grants/garbage").status, 200)
        self.assertIsNotNone(victim)

    def test_a_ledger_truncated_again_and_again_does_not_end_the_daemon(self):
        grant = self.daemon.create(name="a", memory="1MiB", keep_seconds=600)
        path = grant["folder"] + "/ledger"
        size = os.path.getsize(path)
        with open(path, "r+b") as ledger:
            ledger.seek(48)
            ledger.write((512).to_bytes(4, "little"))  # let every slot be looked at
            ledger.flush()
            for _ in range(20000):
                ledger.truncate(4096)
                ledger.truncate(size)
        self.assertTrue(self.daemon.answers())

    @unittest.skipUnless(os.geteuid() == 0, "needs root to act as another user")
    def test_exit_files_are_not_followed(self):
        grant = self.daemon.create(name="a", memory="1MiB")
        os.symlink("/proc/self/status", grant["folder"] + "/private/exit")
        program = self.program()
        self.daemon.call("POST", "/v1/grants/a/processes", {"pid": program.pid})
        program.kill()
        program.wait()
        self.daemon.wait_state("a", "lost")

    @unittest.skipUnless(os.geteuid() == 0, "needs root to act as another user")
    def test_a_process_outside_any_grant_is_found(self):
        home = self.daemon.folder / "home"  # PoCL finds no device when it cannot write its cache there
        home.mkdir()
        os.chown(home, ESCAPER, ESCAPER)
        program = self.program(uid=ESCAPER, command=(sys.executable, "-c", PLAIN_OPENCL),
                               stdout=subprocess.PIPE, env={**os.environ, "HOME": str(home)})
        self.assertGreater(int(program.stdout.readline()), 0)
        program.stdout.close()

        def seen():
            processes = self.daemon.call("GET", "/v1/processes").json
            return [p for p in processes if p["pid"] == program.pid and not p["managed"]]
        eventually("it is reported", seen)
        # Other programs of this machine may be on the device too.
        message = self.findings_naming(program.pid)[0]["message"]
        self.assertIn(f" {ESCAPER} ", message)
        self.assertIn(os.path.basename(sys.executable), message)
        count = re.search(r'^melon_unmanaged_processes_count\{device="[^"]+"\} (\d+)$',
                          self.daemon.call("GET", "/metrics").text, re.MULTILINE)
        self.assertGreaterEqual(int(count.group(1)), 1)
        told = [event for event in self.daemon.call("GET", "/v1/events").json
                if event["kind"] == "unmanaged_process" and f" {ESCAPER} " in event["message"]]
        self.assertEqual(len(told), 1, "told once, not at every look")
        program.kill()
        program.wait()
        eventually("it is forgotten", lambda: not self.findings_naming(program.pid))

    def test_what_a_process_outside_any_grant_has_resident_is_told(self):
        program = self.program(command=(sys.executable, "-c", FILLED_BUFFER), stdout=subprocess.PIPE)
        self.assertTrue(program.stdout.readline())
        program.stdout.close()

        def seen():
            return [entry for entry in self.daemon.call("GET", "/v1/processes").json
                    if entry["pid"] == program.pid and not entry["managed"]
                    and (entry["resident_memory_mib"] or 0) >= FILLED_MIB]
        shown = eventually("its memory is told", seen)[0]
        self.assertIsNone(shown["used_memory_mib"], "a CPU device's library does not tell")
        self.assertRegex(self.findings_naming(program.pid)[0]["message"],
                         r"\(device memory: unknown, within the .+ that it has resident\)")
        theirs = next(entry for entry in self.daemon.call("GET", "/v1/devices").json
                      if entry["id"] == shown["device"])["unmanaged"]
        self.assertGreaterEqual(theirs["processes"], 1)
        self.assertGreaterEqual(theirs["resident_memory_mib"], FILLED_MIB)

    def findings_naming(self, pid):
        return [finding for finding in self.daemon.call("GET", "/v1/findings").json
                if finding["code"] == "unmanaged_process" and f"process {pid} " in finding["message"]]

    def test_a_program_of_a_grant_that_dropped_the_library_is_shown(self):
        self.daemon.create(name="a", memory="1MiB")
        program = self.program(command=(sys.executable, "-c", PLAIN_OPENCL), stdout=subprocess.PIPE)
        self.assertTrue(program.stdout.readline())
        program.stdout.close()
        self.daemon.call("POST", "/v1/grants/a/processes", {"pid": program.pid})
        eventually("its grant is flagged", lambda: "unmanaged_process" in
                   self.daemon.grant("a")["flags"])


FILLED_MIB = 128
FILLED_BUFFER = f"""
import time
import pyopencl as cl
context = cl.Context(cl.get_platforms()[0].get_devices()[:1])
queue = cl.CommandQueue(context)
buffer = cl.Buffer(context, cl.mem_flags.READ_WRITE, {FILLED_MIB} << 20)
cl.enqueue_fill_buffer(queue, buffer, b"x", 0, {FILLED_MIB} << 20).wait()
print("filled", flush=True)
time.sleep(600)
"""
PLAIN_OPENCL = """
import ctypes, time
library = ctypes.CDLL("libOpenCL.so.1")
count = ctypes.c_uint()
library.clGetPlatformIDs(0, None, ctypes.byref(count))
platforms = (ctypes.c_void_p * count.value)()
library.clGetPlatformIDs(count, platforms, None)
devices = (ctypes.c_void_p * 8)()
found = ctypes.c_uint()
library.clGetDeviceIDs(ctypes.c_void_p(platforms[0]), ctypes.c_ulong(0xFFFFFFFF), 8, devices, ctypes.byref(found))
print(found.value, flush=True)
time.sleep(1000)
"""

if __name__ == "__main__":
    unittest.main()
