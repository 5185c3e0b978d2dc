# SPDX-License-Identifier: Apache-2.0
"""Two users on one machine: each tries every operation on the other's grant."""
import os
import pathlib
import shutil
import signal
import socket
import tempfile
import unittest

from daemon_under_test import ALICE, BOB, SOON_SECONDS, Daemon, DaemonTest, as_user

PRIVATE = ("pids", "arguments", "folder")


@unittest.skipUnless(os.geteuid() == 0, "needs root to act as two users")
class TwoUsers(DaemonTest):
    CONFIG = """
limits: {grants: 2, memory: 64MiB, compute: 50%, priority: normal, weight: 200}
"""

    def setUp(self):
        super().setUp()
        self.sleeper = self.program(uid=ALICE)
        made = self.daemon.call_as(ALICE, "POST", "/v1/grants", {
            "type": "opencl", "name": "hers", "memory": "16MiB", "compute": "10%",
            "arguments": ["secret"]})
        self.assertEqual(made.status, 201, made.text)
        self.folder = made.json["folder"]
        registered = self.daemon.call_as(ALICE, "POST", "/v1/grants/hers/processes",
                                         {"pid": self.sleeper.pid})
        self.assertEqual(registered.status, 200, registered.text)

    def test_the_other_sees_name_owner_and_slices_only(self):
        for target in ("/v1/grants/hers", "/v1/grants"):
            seen = self.daemon.call_as(BOB, "GET", target).json
            seen = seen[0] if isinstance(seen, list) else seen
            self.assertEqual(seen["name"], "hers")
            self.assertEqual(seen["owner_uid"], ALICE)
            self.assertEqual(seen["slices"][0]["memory_mib"], 16)
            for field in PRIVATE:
                self.assertNotIn(field, seen)
        for uid in (ALICE, None):
            seen = (self.daemon.call_as(uid, "GET", "/v1/grants/hers") if uid
                    else self.daemon.call("GET", "/v1/grants/hers")).json
            for field in PRIVATE:
                self.assertIn(field, seen)

    def test_the_other_changes_nothing(self):
        before = self.daemon.grant("hers")
        attempts = (
            ("PATCH", "", {"memory": "1MiB"}), ("PATCH", "", {"suspended": True}),
            ("DELETE", "?force=true", None), ("POST", "/processes", {"pid": os.getpid()}),
            ("POST", "/exit", {"pid": os.getpid(), "exit_code": 0}), ("POST", "/stop", {"force": True}),
            ("GET", "/environment", None))
        for method, path, body in attempts:
            answer = self.daemon.call_as(BOB, method, "/v1/grants/hers" + path, body)
            self.assert_refused(answer, 403, "permission_denied", "hers")
        self.assert_refused(self.daemon.call_as(BOB, "POST", "/v1/shutdown", {}), 403, "permission_denied")
        self.assertIsNone(self.sleeper.poll())
        self.assertEqual(self.daemon.grant("hers"), before)

    def test_nobody_registers_another_users_process(self):
        answer = self.daemon.call_as(ALICE, "POST", "/v1/grants/hers/processes",
                                     {"pid": os.getpid()})
        self.assert_refused(answer, 403, "permission_denied")

    def test_processes_of_others_are_anonymous(self):
        seen = [p for p in self.daemon.call_as(BOB, "GET", "/v1/processes").json if p["grant"] == "hers"]
        self.assertTrue(seen)
        self.assertIsNone(seen[0]["pid"])
        self.assertIsNone(seen[0]["command"])

    def test_files_are_closed_to_the_other_and_policies_to_their_owner(self):
        def refused(path, mode):
            try:
                os.close(os.open(path, mode))
                return False
            except PermissionError:
                return True

        policy, ledger = self.folder + "/policy", self.folder + "/ledger"
        self.assertTrue(as_user(BOB, lambda: refused(ledger, os.O_RDONLY)))
        self.assertTrue(as_user(BOB, lambda: refused(self.folder + "/private", os.O_RDONLY)))
        self.assertFalse(as_user(ALICE, lambda: refused(ledger, os.O_RDWR)))
        self.assertTrue(as_user(ALICE, lambda: refused(policy, os.O_RDWR)))
        self.assertFalse(as_user(BOB, lambda: refused(policy, os.O_RDONLY)))

        def cannot_replace():
            for action in (lambda: os.unlink(policy), lambda: os.rename(ledger, ledger + "2"),
                           lambda: os.mkdir(self.folder + "/x")):
                try:
                    action()
                    return False
                except PermissionError:
                    pass
            return True
        self.assertTrue(as_user(ALICE, cannot_replace))

    def test_an_arena_page_is_written_by_its_tenant_alone(self):
        """By name, by truncation and by putting another in its place."""
        grant = pathlib.Path(self.folder).name
        page, = self.daemon.state.glob(f"arena/*/{grant}")
        index = page.parent / "index"
        size = page.stat().st_size
        self.assertEqual((page.stat().st_uid, page.stat().st_mode & 0o777), (ALICE, 0o644))

        def done_to(path):
            """The attempts that were not refused."""
            attempts = {
                "write": lambda: os.close(os.open(path, os.O_WRONLY)),
                "read and write": lambda: os.close(os.open(path, os.O_RDWR)),
                "truncate": lambda: os.truncate(path, 0),
                "mode": lambda: os.chmod(path, 0o666),
                "remove": lambda: os.unlink(path),
                "rename": lambda: os.rename(path, f"{path}.aside"),
                "replace": lambda: os.symlink("/dev/null", f"{path.parent}/{grant}.new")}
            succeeded = []
            for name, attempt in attempts.items():
                try:
                    attempt()
                    succeeded.append(name)
                except PermissionError:
                    pass
            return succeeded

        self.assertEqual(as_user(BOB, lambda: len(page.read_bytes())), size)
        self.assertEqual(as_user(BOB, lambda: done_to(page)), [])
        for uid in (ALICE, BOB):
            self.assertEqual(as_user(uid, lambda: done_to(index)), [])
        self.assertEqual(page.stat().st_size, size)
        # Its own tenant writes into it, and still cannot put something else in its place.
        self.assertEqual(as_user(ALICE, lambda: done_to(page)), ["write", "read and write", "truncate", "mode"])

    def test_limits_per_user(self):
        def ask(**request):
            return self.daemon.call_as(ALICE, "POST", "/v1/grants", {"type": "opencl", **request})

        self.assert_refused(ask(memory="49MiB"), 409, "failed_precondition", "64 MiB")
        self.assert_refused(ask(memory="1MiB", compute="41%"), 409, "failed_precondition", "50%")
        self.assert_refused(ask(memory="1MiB", priority="high"), 403, "permission_denied", "high")
        self.assert_refused(ask(memory="1MiB", weight=201), 403, "permission_denied", "200")
        self.assertEqual(ask(memory="48MiB", compute="40%").status, 201)
        self.assert_refused(ask(memory="1MiB"), 409, "failed_precondition", "2 grants")
        raised = self.daemon.call_as(ALICE, "PATCH", "/v1/grants/hers", {"memory": "17MiB"})
        self.assert_refused(raised, 409, "failed_precondition")
        self.assertEqual(self.daemon.grant("hers")["slices"][0]["memory_mib"], 16)
        root = self.daemon.call("POST", "/v1/grants", {"type": "opencl", "memory": "100MiB", "weight": 900})
        self.assertEqual(root.status, 201, root.text)
        given = self.daemon.call("PATCH", "/v1/grants/hers", {"memory": "100MiB", "priority": "high"})
        self.assertEqual(given.status, 200, given.text)
        self.assertEqual(given.json["slices"][0]["memory_mib"], 100)


@unittest.skipUnless(os.geteuid() == 0, "needs root to act as another user")
class Age(DaemonTest):
    CONFIG = f"users: {{{ALICE}: {{age: 1s}}, {BOB}: {{idle: 1s}}}}\n"

    def test_what_is_too_old_or_idle_is_stopped(self):
        for uid in (ALICE, BOB):
            made = self.daemon.call_as(uid, "POST", "/v1/grants", {"type": "opencl", "memory": "1MiB",
                                                                     "name": f"of-{uid}"})
            self.assertEqual(made.status, 201, made.text)
            program = self.program(uid=uid)
            self.daemon.call_as(uid, "POST", f"/v1/grants/of-{uid}/processes", {"pid": program.pid})
        roots = self.program()
        self.daemon.create(name="roots", memory="1MiB")
        self.daemon.call("POST", "/v1/grants/roots/processes", {"pid": roots.pid})
        for program in self.programs[:2]:
            self.assertEqual(program.wait(SOON_SECONDS), -signal.SIGTERM)
        for uid, why in ((ALICE, "older"), (BOB, "idle")):
            kinds = {event["kind"]: event["message"]
                     for event in self.daemon.call("GET", f"/v1/events?grant=of-{uid}").json}
            self.assertIn(why, kinds["grant_over_limit"])
        self.assertIsNone(roots.poll())


@unittest.skipUnless(os.geteuid() == 0, "needs root to act as another user")
class UsersOwnDaemon(unittest.TestCase):
    def test_its_socket_is_closed_to_others(self):
        daemon = Daemon(uid=ALICE)
        self.addCleanup(daemon.remove)
        os.chown(daemon.folder, ALICE, ALICE)
        daemon.start()
        mine = daemon.call_as(ALICE, "POST", "/v1/grants", {"type": "opencl", "memory": "1MiB", "name": "a"})
        self.assertEqual(mine.status, 201, mine.text)
        changed = daemon.call_as(ALICE, "PATCH", "/v1/grants/a", {"memory": "2MiB"})
        self.assertEqual(changed.status, 200, changed.text)

        def refused():
            try:
                daemon.call("GET", "/v1/health")
                return False
            except PermissionError:
                return True
        self.assertTrue(as_user(BOB, refused))

    def test_a_socket_of_another_user_is_not_taken_over(self):
        folder = tempfile.mkdtemp(prefix="melon-agent-")
        self.addCleanup(shutil.rmtree, folder)
        os.chmod(folder, 0o755)
        path = folder + "/melon.sock"
        with socket.socket(socket.AF_UNIX) as abandoned:
            abandoned.bind(path)
        daemon = Daemon(config=f"socket: {path}\n", uid=ALICE)
        self.addCleanup(daemon.remove)
        os.chown(daemon.folder, ALICE, ALICE)
        daemon.start(wait=False)
        self.assertNotEqual(daemon.process.wait(SOON_SECONDS), 0)
        self.assertIn(path, daemon.log.read_text())
        self.assertTrue(os.path.exists(path))


if __name__ == "__main__":
    unittest.main()
