# SPDX-License-Identifier: Apache-2.0
"""Grants through REST: made, shown, changed, released; how they end; who waits."""
import http.client
import json
import os
import pathlib
import re
import signal
import stat
import subprocess
import sys
import unittest

from daemon_under_test import ALICE, SOON_SECONDS, DaemonTest, eventually
from http_exchange import Connection

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Grants(DaemonTest):
    def test_discovers_a_device_that_is_real(self):
        devices = self.daemon.call("GET", "/v1/devices").json
        self.assertTrue(devices, self.daemon.call("GET", "/v1/findings").text)
        device = devices[0]
        self.assertEqual(device["health"], "healthy", device)
        self.assertGreater(device["memory_mib"], 0)
        self.assertGreater(device["compute_units"], 0)
        self.assertEqual(self.daemon.call("GET", "/v1/devices/" + device["id"]).status, 200)
        self.assert_refused(self.daemon.call("GET", "/v1/devices/none"), 404, "not_found", "none")

    def test_create_list_change_delete(self):
        made = self.daemon.create(name="web-1", memory="64MiB", compute="25%", arguments=["a", "b"])
        self.assertEqual(made["state"], "reserved")
        self.assertEqual(made["slices"][0]["memory_mib"], 64)
        self.assertEqual(made["slices"][0]["compute_permille"], 250)
        self.assertEqual(made["arguments"], ["a", "b"])
        listed = self.daemon.call("GET", "/v1/grants").json
        self.assertEqual([g["name"] for g in listed], ["web-1"])
        changed = self.daemon.call("PATCH", "/v1/grants/web-1", {"compute": "50%", "memory": "32MiB"})
        self.assertEqual(changed.status, 200, changed.text)
        self.assertEqual(changed.json["slices"][0]["compute_permille"], 500)
        self.assertEqual(changed.json["slices"][0]["memory_mib"], 32)
        device = self.daemon.call("GET", "/v1/devices/" + made["slices"][0]["device"]).json
        self.assertEqual(device["free_compute_permille"], 500)
        self.assertEqual(device["grants"], ["web-1"])
        gone = self.daemon.call("DELETE", "/v1/grants/web-1")
        self.assertEqual(gone.json["state"], "exited", gone.text)
        self.assertEqual(self.daemon.call("GET", "/v1/grants").json, [])
        self.assertEqual(len(self.daemon.call("GET", "/v1/grants?all=true").json), 1)

    def test_what_fits_is_placed_and_one_granule_more_is_refused(self):
        device = self.daemon.call("GET", "/v1/devices").json[0]
        too_much = {"type": "opencl", "memory": f"{device['memory_mib'] + 1}MiB"}
        refused = self.daemon.call("POST", "/v1/grants", too_much)
        self.assert_refused(refused, 409, "does_not_fit")
        fits = refused.json["error"]["refusal"]["memory_that_fits_mib"]
        plan = self.daemon.call("POST", "/v1/grants", {**too_much, "memory": f"{fits}MiB", "dry_run": True})
        self.assertEqual(plan.status, 200, plan.text)
        self.assertEqual(plan.json["placements"][0]["memory_mib"], fits)
        self.assertEqual(self.daemon.call("GET", "/v1/grants").json, [])
        more = self.daemon.call("POST", "/v1/grants", {**too_much, "memory": f"{fits + 1}MiB"})
        self.assert_refused(more, 409, "does_not_fit")

    def test_duplicate_names_and_unknown_ones(self):
        self.daemon.create(name="a", memory="1MiB")
        again = self.daemon.call("POST", "/v1/grants", {"type": "opencl", "name": "a", "memory": "1MiB"})
        self.assert_refused(again, 409, "already_exists", "'a'")
        for method, path in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/stop"),
                             ("POST", "/exit"), ("POST", "/processes"), ("GET", "/environment"),
                             ("GET", "/explain")):
            self.assert_refused(self.daemon.call(method, "/v1/grants/b" + path, {}), 404, "not_found", "'b'")

    def test_files_are_the_layout_that_tenants_expect(self):
        grant = self.daemon.create(name="a", memory="1MiB")
        folder = grant["folder"]
        modes = {name: stat.S_IMODE(os.lstat(os.path.join(folder, name)).st_mode)
                 for name in os.listdir(folder)}
        self.assertEqual(modes, {"policy": 0o444, "ledger": 0o600, "private": 0o700})
        variables = self.daemon.call("GET", "/v1/grants/a/environment").json["environment"]
        self.assertEqual(variables["MELON_GRANT"], folder)
        self.daemon.call("DELETE", "/v1/grants/a")
        self.assertEqual(os.listdir(folder), ["private"])

    def test_a_change_reaches_the_policy_file_in_place(self):
        grant = self.daemon.create(name="a", memory="1MiB", compute="10%")
        path = os.path.join(grant["folder"], "policy")
        with open(path, "rb") as mapped:
            before = os.fstat(mapped.fileno()).st_ino, mapped.read()
            self.daemon.call("PATCH", "/v1/grants/a", {"compute": "20%"})
            mapped.seek(0)
            self.assertNotEqual(before[1], mapped.read())
            self.assertEqual(os.stat(path).st_ino, before[0])

    def test_life_with_exit_status(self):
        self.daemon.create(name="a", memory="1MiB")
        program = self.program(command=("sh", "-c", "exit 3"), )
        program_2 = self.program()
        registered = self.daemon.call("POST", "/v1/grants/a/processes", {"pid": program_2.pid})
        self.assertEqual(registered.json["state"], "running", registered.text)
        self.assertEqual(registered.json["pids"], [program_2.pid])
        program.wait()
        program_2.kill()
        program_2.wait()
        stranger = self.daemon.call("POST", "/v1/grants/a/exit", {"pid": program.pid, "exit_code": 0})
        self.assert_refused(stranger, 409, "failed_precondition", str(program.pid), "id")
        ended = self.daemon.call("POST", "/v1/grants/a/exit", {"pid": program_2.pid, "signal": 9})
        self.assertEqual((ended.json["state"], ended.json["exit_code"]), ("failed", 137), ended.text)

    def test_an_exit_of_an_earlier_grant_is_not_a_later_ones(self):
        earlier = self.daemon.create(name="z", memory="1MiB")
        program = self.program()
        self.daemon.call("POST", f"/v1/grants/{earlier['id']}/processes", {"pid": program.pid})
        self.daemon.call("POST", "/v1/grants/z/stop", {"force": True})
        program.wait()
        self.daemon.wait_state(earlier["id"], "lost", "exited", "failed")
        later = self.daemon.create(name="z", memory="1MiB")
        self.daemon.call("POST", "/v1/grants/z/processes", {"pid": self.program().pid})
        report = {"pid": program.pid, "signal": 9}
        self.assert_refused(self.daemon.call("POST", "/v1/grants/z/exit", report), 409, "failed_precondition")
        self.assertEqual(self.daemon.call("POST", f"/v1/grants/{earlier['id']}/exit", report).json["exit_code"], 137)
        self.assertEqual((self.daemon.grant(later["id"])["state"], self.daemon.grant("z")["exit_code"]),
                         ("running", None))

    def test_a_type_may_be_a_kind(self):
        made = self.daemon.call("POST", "/v1/grants", {"type": "cpu", "memory": "1MiB"})
        self.assertEqual(made.status, 201, made.text)

    def test_a_trial_keeps_to_the_rules_of_a_request(self):
        unknown = self.daemon.call("POST", "/v1/grants", {"device": "nosuch", "memory": "1MiB", "dry_run": True})
        self.assert_refused(unknown, 404, "not_found", "'nosuch'", "melon devices")

    def test_explain_says_what_was_weighed(self):
        grant = self.daemon.create(name="a", memory="64MiB")
        reason = self.daemon.call("GET", "/v1/grants/a/explain").json["reason"]
        self.assertIn(f"placed on {grant['slices'][0]['device']} (", reason)
        self.assertIn("stay free", reason)
        self.assertIn("policy closest, the one of single machines", reason)
        told = eventually("the policy is in the log", lambda: [
            line for line in self.daemon.log.read_text().splitlines() if "the policy that places" in line])
        self.assertIn("closest", told[0])

    def test_an_exit_that_nobody_tells_is_found_in_the_file_or_lost(self):
        for name, code, state in (("told", 0, "exited"), ("silent", None, "lost")):
            grant = self.daemon.create(name=name, memory="1MiB")
            program = self.program()
            self.daemon.call("POST", f"/v1/grants/{name}/processes", {"pid": program.pid})
            if code is not None:
                with open(os.path.join(grant["folder"], "private", "exit"), "w") as file:
                    file.write(f"{code}\n")
            program.kill()
            program.wait()
            self.assertEqual(self.daemon.wait_state(name, state)["exit_code"], code)

    def test_a_grant_without_a_process_has_a_time_to_live(self):
        self.daemon.create(name="a", memory="1MiB", keep_seconds=1)
        self.assertIn("no process", self.daemon.wait_state("a", "failed")["reason"])

    def test_suspend_and_resume(self):
        self.daemon.create(name="a", memory="1MiB")
        refused = self.daemon.call("PATCH", "/v1/grants/a", {"suspended": True})
        self.assert_refused(refused, 409, "failed_precondition")
        self.daemon.call("POST", "/v1/grants/a/processes", {"pid": self.program().pid})
        self.assertEqual(self.daemon.call("PATCH", "/v1/grants/a", {"suspended": True}).json["state"], "suspended")
        self.assertEqual(self.daemon.call("PATCH", "/v1/grants/a", {"suspended": False}).json["state"], "running")

    def test_stop_asks_and_then_kills(self):
        self.daemon.create(name="a", memory="1MiB")
        stubborn = self.program(command=("sh", "-c", "trap '' TERM; echo; while :; do sleep 1; done"),
                                stdout=-1)
        stubborn.stdout.readline()
        self.daemon.call("POST", "/v1/grants/a/processes", {"pid": stubborn.pid})
        busy = self.daemon.call("DELETE", "/v1/grants/a")
        self.assert_refused(busy, 409, "failed_precondition", "stop")
        stopping = self.daemon.call("POST", "/v1/grants/a/stop", {"grace_seconds": 1})
        self.assertIn("stopping", stopping.json["flags"], stopping.text)
        self.assertEqual(stubborn.wait(30), -signal.SIGKILL)
        self.daemon.wait_state("a", "exited")
        stubborn.stdout.close()

    def test_waiting_is_first_come_first_served(self):
        memory = self.daemon.call("GET", "/v1/devices").json[0]["memory_mib"]
        self.daemon.create(name="first", memory=f"{memory - 10}MiB", keep_seconds=600)
        large = self.daemon.create(name="large", memory=f"{memory - 5}MiB", wait=True)
        small = self.daemon.create(name="small", memory="1MiB", wait=True)
        self.assertEqual((large["state"], small["state"]), ("queued", "queued"))
        self.assertIn("refusal", self.daemon.call("GET", "/v1/grants/small/explain").json)
        # Who runs already comes after them too, with what he has not got yet.
        grown = self.daemon.call("PATCH", "/v1/grants/first", {"memory": f"{memory - 9}MiB"})
        self.assert_refused(grown, 409, "does_not_fit", "is kept for a request that is waiting already",
                            "ask again when those that wait have started")
        self.assertEqual([entry["rule"] for entry in grown.json["error"]["refusal"]["rejections"]], ["queue"])
        self.assertEqual(self.daemon.call("PATCH", "/v1/grants/first", {"priority": "high"}).status, 200)
        self.daemon.call("DELETE", "/v1/grants/first")
        self.daemon.wait_state("large", "reserved")
        self.daemon.wait_state("small", "reserved")

    def test_waiting_ends(self):
        memory = self.daemon.call("GET", "/v1/devices").json[0]["memory_mib"]
        self.daemon.create(name="first", memory=f"{memory}MiB", keep_seconds=600)
        self.daemon.create(name="second", memory="1MiB", wait=True, wait_seconds=1)
        self.daemon.wait_state("second", "failed")

    def test_two_devices_are_not_there(self):
        refused = self.daemon.call("POST", "/v1/grants", {"memory": "1MiB", "count": 16})
        self.assert_refused(refused, 409, "does_not_fit")

    def test_events_tell_the_life(self):
        self.daemon.create(name="a", memory="1MiB")
        self.daemon.call("DELETE", "/v1/grants/a")
        events = self.daemon.call("GET", "/v1/events?grant=a").json
        self.assertEqual([e["kind"] for e in events], ["grant_reserved", "grant_exited"])
        later = self.daemon.call("GET", f"/v1/events?grant=a&since={events[0]['id']}").json
        self.assertEqual(later, events[1:])

    def test_metrics_name_no_user(self):
        self.daemon.create(name="a", memory="1MiB")
        text = self.daemon.call("GET", "/metrics").text
        self.assertIn('melon_grant_memory_limit_bytes{', text)
        self.assertNotIn("owner", text)

    def test_version_finds_what_runs(self):
        version = self.daemon.call("GET", "/v1/version").json
        self.assertEqual(version["pid"], self.daemon.process.pid)
        self.assertEqual(version["state_folder"], str(self.daemon.state))

    def test_an_unknown_user_owns_what_he_makes(self):
        made = self.daemon.call_as(ALICE, "POST", "/v1/grants", {"type": "opencl", "memory": "1MiB"})
        self.assertEqual(made.json["owner_uid"], ALICE, made.text)
        eventually("it is listed", lambda: self.daemon.call("GET", "/v1/grants").json)


class Watching(DaemonTest):
    def stream(self, target, last_id=None):
        connection = Connection(self.daemon.socket, timeout=SOON_SECONDS)
        self.addCleanup(connection.close)
        connection.request("GET", target, headers={"Last-Event-ID": last_id} if last_id else {})
        response = connection.getresponse()
        self.assertEqual(response.getheader("Content-Type"), "text/event-stream")
        return response

    @staticmethod
    def next(stream):
        """The next event: its id and its data."""
        event = {}
        while True:
            line = stream.readline().decode().rstrip("\n")
            if line == "" and "data" in event:
                return event["id"], json.loads(event["data"])
            name, _, value = line.partition(": ")
            event[name] = value

    def test_a_watcher_is_told_what_is_and_then_each_change(self):
        self.daemon.create(name="old", memory="1MiB", keep_seconds=600)
        stream = self.stream("/v1/grants?watch=true")
        self.assertEqual(self.next(stream)[1]["name"], "old")
        self.daemon.create(name="new", memory="1MiB", keep_seconds=600)
        self.assertEqual(self.next(stream)[1]["state"], "reserved")
        self.daemon.call("PATCH", "/v1/grants/new", {"memory": "2MiB"})
        last_id, changed = self.next(stream)
        self.assertEqual(changed["slices"][0]["memory_mib"], 2)
        self.daemon.call("DELETE", "/v1/grants/new")
        self.assertEqual(self.next(stream)[1]["state"], "exited")
        resumed = self.stream("/v1/grants?watch=true", last_id)
        self.assertEqual(self.next(resumed)[1]["state"], "exited", "only what changed since")

    def test_events_are_streamed_and_resumed(self):
        stream = self.stream("/v1/events?watch=true&grant=a")
        self.daemon.create(name="b", memory="1MiB", keep_seconds=600)
        self.daemon.create(name="a", memory="1MiB", keep_seconds=600)
        last_id, event = self.next(stream)
        self.assertEqual((event["kind"], event["grant"]), ("grant_reserved", "a"))
        self.daemon.kill()
        self.daemon.start()
        self.daemon.call("DELETE", "/v1/grants/a")
        resumed = self.stream("/v1/events?watch=true&grant=a", last_id)
        self.assertEqual(self.next(resumed)[1]["kind"], "grant_exited")


class Metrics(DaemonTest):
    CONFIG = "metrics_address: 127.0.0.1:0\n"

    def tcp(self, method, target):
        told = next(event for event in self.daemon.call("GET", "/v1/events").json
                    if event["kind"] == "metrics_listening")
        connection = http.client.HTTPConnection("127.0.0.1", int(told["message"].split()[-1]),
                                                timeout=SOON_SECONDS)
        self.addCleanup(connection.close)
        connection.request(method, target)
        response = connection.getresponse()
        return response.status, response.read().decode()

    def test_the_tcp_address_has_metrics_and_nothing_else(self):
        self.daemon.create(name="a", memory="1MiB", arguments=["secret"], keep_seconds=600)
        status, text = self.tcp("GET", "/metrics")
        self.assertEqual(status, 200)
        self.assertIn('melon_grant_memory_limit_bytes{grant="a",device="opencl-0"} 1048576', text)
        for hidden in ("secret", "owner", "user", "pid", "root"):
            self.assertNotIn(hidden, text)
        for method, target in (("GET", "/v1/grants"), ("POST", "/v1/grants"), ("POST", "/v1/shutdown"),
                               ("POST", "/metrics"), ("GET", "/openapi.json")):
            self.assertEqual(self.tcp(method, target)[0], 404, f"{method} {target}")

    def test_every_sample_is_of_a_described_metric_with_its_labels(self):
        self.daemon.create(name="a", memory="1MiB", compute="10%", keep_seconds=600)
        page = (ROOT / "docs/reference/metrics.md").read_text()
        described = {name: set(re.findall(r"\w+", labels)) for name, labels in
                     re.findall(r"^\| `(melon_\w+)` \| \w+ \| ([\w, ]*) ?\|", page, re.MULTILINE)}
        samples = [line for line in self.daemon.call("GET", "/metrics").text.splitlines()
                   if not line.startswith("#")]
        self.assertTrue(samples)
        for line in samples:
            name, labels, value = re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line).groups()
            float(value)
            named = set(re.findall(r"(\w+)=\"", labels or ""))
            self.assertEqual(named, described[name], line)


TENANT = """
import time
import pyopencl
device = pyopencl.get_platforms()[0].get_devices()[0]
context = pyopencl.Context([device])
queue = pyopencl.CommandQueue(context)
buffer = pyopencl.Buffer(context, pyopencl.mem_flags.READ_WRITE, 8 << 20)
pyopencl.enqueue_fill_buffer(queue, buffer, b"x", 0, 8 << 20).wait()
print(device.global_mem_size, flush=True)
time.sleep(1000)
"""


class Tenants(DaemonTest):
    """Real programs inside real slices."""

    def tenant(self, grant):
        variables = self.daemon.call("GET", f"/v1/grants/{grant}/environment").json["environment"]
        self.assertIn("LD_PRELOAD", variables, "libmelon.so is not built")
        tenant = self.program(command=(sys.executable, "-c", TENANT), stdout=subprocess.PIPE,
                              env={**os.environ, **variables})
        told = tenant.stdout.readline()
        tenant.stdout.close()
        return tenant, told

    def used(self, grant):
        return self.daemon.grant(grant)["slices"][0]["used_memory_mib"]

    def test_memory_of_a_killed_process_comes_back_without_anybody_asking(self):
        self.daemon.create(name="a", memory="32MiB", keep_seconds=600)
        tenant, told = self.tenant("a")
        self.assertEqual(int(told), 32 << 20)
        survivor, _ = self.tenant("a")
        eventually("both are counted", lambda: self.used("a") == 16)
        self.assertEqual(sorted(self.daemon.grant("a")["pids"]), sorted([tenant.pid, survivor.pid]))
        text = self.daemon.call("GET", "/metrics").text
        for slot in (0, 1):
            self.assertIn(f'melon_process_memory_used_bytes{{grant="a",device="opencl-0",slot="{slot}"}} '
                          f"{8 << 20}", text)
        tenant.kill()
        tenant.wait()
        eventually("its memory is back", lambda: self.used("a") == 8)
        self.assertEqual(self.daemon.grant("a")["pids"], [survivor.pid])
        self.assertNotIn("unmanaged_process", self.daemon.grant("a")["flags"])

    def test_a_limit_below_what_is_used_is_shown(self):
        self.daemon.create(name="a", memory="32MiB", keep_seconds=600)
        self.tenant("a")
        eventually("it is counted", lambda: self.used("a") == 8)
        changed = self.daemon.call("PATCH", "/v1/grants/a", {"memory": "4MiB"})
        self.assertEqual(changed.status, 200, changed.text)
        eventually("it is shown", lambda: "over_limit" in self.daemon.grant("a")["flags"])

    def test_a_tenant_goes_on_while_its_daemon_is_killed_and_replaced(self):
        self.daemon.create(name="a", memory="32MiB", keep_seconds=600)
        tenant, _ = self.tenant("a")
        eventually("it is counted", lambda: self.used("a") == 8)
        self.daemon.kill()
        self.daemon.start()
        eventually("it is counted again", lambda: self.used("a") == 8)
        self.assertIsNone(tenant.poll())
        self.assertEqual(self.daemon.grant("a")["pids"], [tenant.pid])


if __name__ == "__main__":
    unittest.main()
