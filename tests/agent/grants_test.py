# SPDX-License-Identifier: Apache-2.0
"""Grants through REST: made, shown, changed, released; how they end; who waits."""
import os
import signal
import stat
import unittest

from daemon_under_test import ALICE, DaemonTest, eventually


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
        ended = self.daemon.call("POST", "/v1/grants/a/exit", {"signal": 9})
        self.assertEqual((ended.json["state"], ended.json["exit_code"]), ("failed", 137), ended.text)

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
        self.daemon.wait_state("a", "lost")
        stubborn.stdout.close()

    def test_waiting_is_first_come_first_served(self):
        memory = self.daemon.call("GET", "/v1/devices").json[0]["memory_mib"]
        self.daemon.create(name="first", memory=f"{memory - 10}MiB", keep_seconds=600)
        large = self.daemon.create(name="large", memory=f"{memory - 5}MiB", wait=True)
        small = self.daemon.create(name="small", memory="1MiB", wait=True)
        self.assertEqual((large["state"], small["state"]), ("queued", "queued"))
        self.assertIn("refusal", self.daemon.call("GET", "/v1/grants/small/explain").json)
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


if __name__ == "__main__":
    unittest.main()
