# SPDX-License-Identifier: Apache-2.0
"""Daemons that die, start twice, or find their state damaged."""
import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import unittest

from daemon_under_test import SOON_SECONDS, SPINNING, Daemon, DaemonTest, eventually

# For each line that is asked for: rounds of kernels, CPU seconds of the process, the time.
TELLS = """
import sys, time
for _ in sys.stdin:
    print(rounds, time.process_time(), time.monotonic(), flush=True)
ended.set()
"""
# What a restart may change: figures are sampled anew.
SAMPLED = ("used_memory_mib", "used_compute_permille", "throttled_permille")


def without_samples(grants):
    for grant in grants:
        for piece in grant["slices"]:
            for field in SAMPLED:
                piece.pop(field)
    return grants


class Restart(DaemonTest):
    def state(self):
        return without_samples(self.daemon.call("GET", "/v1/grants?all=true").json)

    def test_kill_9_and_adoption(self):
        memory = self.daemon.call("GET", "/v1/devices").json[0]["memory_mib"]
        running = self.daemon.create(name="running", memory="8MiB", compute="25%", arguments=["x"])
        program = self.program()
        self.daemon.call("POST", "/v1/grants/running/processes", {"pid": program.pid})
        self.daemon.create(name="held", memory="8MiB", keep_seconds=600)
        self.daemon.call("POST", "/v1/grants/held/processes", {"pid": self.program().pid})
        self.daemon.call("PATCH", "/v1/grants/held", {"suspended": True})
        self.daemon.create(name="gone", memory="1MiB")
        self.daemon.call("DELETE", "/v1/grants/gone")
        self.daemon.create(name="queued", memory=f"{memory - 1}MiB", wait=True)
        policy = os.stat(running["folder"] + "/policy").st_ino
        before = self.state()
        for _ in range(3):
            self.daemon.kill()
            self.daemon.start()
            self.assertEqual(self.state(), before)
        self.assertIsNone(program.poll())
        # Tenants have the old policy file mapped: the adopted grant must be changed in that one.
        self.assertEqual(os.stat(running["folder"] + "/policy").st_ino, policy)
        with open(running["folder"] + "/policy", "rb") as file:
            old = file.read()
            changed = self.daemon.call("PATCH", "/v1/grants/running", {"compute": "50%"})
            self.assertEqual(changed.status, 200, changed.text)
            file.seek(0)
            self.assertNotEqual(old, file.read())
        program.kill()
        program.wait()
        self.daemon.wait_state("running", "lost")

    def test_a_database_moved_aside_leaves_running_programs_their_limits(self):
        lived_in = self.daemon.create(name="a", memory="1MiB", keep_seconds=600)
        empty = self.daemon.create(name="b", memory="1MiB", keep_seconds=600)
        variables = self.daemon.call("GET", "/v1/grants/a/environment").json["environment"]
        program = self.program(env={**os.environ, **variables})
        self.daemon.stop()
        for file in self.daemon.state.glob("melon.db*"):
            file.rename(file.with_name("aside-" + file.name))
        self.daemon.start()
        self.assertEqual(self.daemon.call("GET", "/v1/grants?all=true").json, [])
        self.assertTrue(os.path.exists(lived_in["folder"] + "/policy"))
        self.assertFalse(os.path.exists(empty["folder"]))
        program.kill()
        program.wait()
        eventually("its files are gone", lambda: not os.path.exists(lived_in["folder"]))

    def test_a_device_stays_as_large_as_it_was_while_it_is_granted(self):
        def started_with(gigabytes):
            self.daemon.kill()
            self.daemon.environment["POCL_MEMORY_LIMIT"] = str(gigabytes)  # as if so much were free
            self.daemon.start()
            return self.daemon.call("GET", "/v1/devices").json[0]
        self.assertEqual(started_with(3)["memory_mib"], 3072)
        self.assertEqual(started_with(2)["memory_mib"], 2048, "nothing is granted of it")
        self.daemon.create(name="all", memory="2048MiB", keep_seconds=600)
        for gigabytes in (1, 3):
            device = started_with(gigabytes)
            self.assertEqual((device["memory_mib"], device["free_memory_mib"]), (2048, 0))
        self.daemon.call("DELETE", "/v1/grants/all")
        self.assertEqual(started_with(1)["memory_mib"], 1024)

    def test_a_program_that_ended_meanwhile_is_known_by_its_file_or_lost(self):
        for name in ("told", "silent"):
            self.daemon.create(name=name, memory="1MiB")
            program = self.program()
            self.daemon.call("POST", f"/v1/grants/{name}/processes", {"pid": program.pid})
        self.daemon.kill()
        for program in self.programs:
            program.kill()
            program.wait()
        state = self.daemon.state / "grants"
        told = next(folder for folder in state.iterdir()
                    if folder.name == self.id_of("told"))
        (told / "private" / "exit").write_text("7\n")
        self.daemon.start()
        self.assertEqual(self.daemon.wait_state("told", "failed")["exit_code"], 7)
        self.daemon.wait_state("silent", "lost")

    def test_a_compute_limit_holds_while_the_daemon_is_dead(self):
        """The program's own CPU time is bounded by its slice; other load can only make it less."""
        self.daemon.create(name="paced", memory="16MiB", compute="10%", keep_seconds=600)
        variables = self.daemon.call("GET", "/v1/grants/paced/environment").json["environment"]
        program = self.program(command=(sys.executable, "-c", SPINNING + TELLS), text=True,
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, **variables})
        self.addCleanup(program.stdin.close)
        self.addCleanup(program.stdout.close)

        def told():
            """Rounds of kernels that have ended, the process's CPU seconds, and when."""
            program.stdin.write("\n")
            program.stdin.flush()
            return [float(word) for word in program.stdout.readline().split()]

        eventually("its kernels run", lambda: told()[0] >= 3)
        self.daemon.kill()
        first = told()
        eventually("kernels run on", lambda: told()[0] >= first[0] + 3 and told()[2] >= first[2] + 3)
        rounds, seconds, when = (after - before for after, before in zip(told(), first))
        self.assertGreater(rounds, 0)
        share = seconds / when / os.cpu_count()
        # Twice the limit: what the interpreter itself uses, and the burst.
        self.assertLess(share, 0.2, f"{rounds} rounds in {when:.1f} s")
        self.daemon.start()
        self.assertEqual(self.daemon.grant("paced")["slices"][0]["compute_permille"], 100)
        eventually("the daemon sees it held back",
                   lambda: self.daemon.grant("paced")["slices"][0]["throttled_permille"])

    def id_of(self, name):
        with contextlib.closing(sqlite3.connect(self.daemon.state / "melon.db")) as database:
            tables = [row[0] for row in database.execute(
                "select name from sqlite_master where type='table' and name like 'grant%'")]
            return database.execute(f"select id from {tables[0]} where name=?", (name,)).fetchone()[0]

    def test_sigterm_ends_it_and_programs_go_on(self):
        self.daemon.create(name="a", memory="1MiB")
        program = self.program()
        self.daemon.call("POST", "/v1/grants/a/processes", {"pid": program.pid})
        self.assertEqual(self.daemon.stop(), 0)
        self.assertIsNone(program.poll())
        self.daemon.start()
        self.assertEqual(self.daemon.grant("a")["pids"], [program.pid])

    def test_shutdown_with_stop_all(self):
        self.daemon.create(name="a", memory="1MiB")
        program = self.program()
        self.daemon.call("POST", "/v1/grants/a/processes", {"pid": program.pid})
        answer = self.daemon.call("POST", "/v1/shutdown", {"stop_all": True})
        self.assertEqual(answer.status, 202, answer.text)
        self.assertEqual(program.wait(SOON_SECONDS), -signal.SIGTERM)
        self.assertEqual(self.daemon.process.wait(SOON_SECONDS), 0)

    def refused_start(self, daemon, *named):
        daemon.start(wait=False)
        status = daemon.process.wait(SOON_SECONDS)
        self.assertNotEqual(status, 0)
        log = daemon.log.read_text()
        for word in named:
            self.assertIn(word, log)
        return status

    def test_a_second_daemon_on_the_same_state_is_refused(self):
        second = Daemon(folder=self.daemon.folder)
        self.assertEqual(self.refused_start(second, "state folder", str(self.daemon.state)), 4)
        self.assertTrue(self.daemon.answers())

    def test_a_second_daemon_on_the_same_socket_is_refused(self):
        second = Daemon(config=f"socket: {self.daemon.socket}\n")
        self.addCleanup(second.remove)
        self.assertEqual(self.refused_start(second, self.daemon.socket), 4)
        self.assertTrue(self.daemon.answers())

    def test_a_second_daemon_sees_the_device_as_held(self):
        second = Daemon()
        self.addCleanup(second.remove)
        second.config.write_text(self.daemon.config.read_text())  # the same lock folder
        second.start()
        self.assertEqual(second.call("GET", "/v1/devices").json[0]["health"], "held")
        codes = [finding["code"] for finding in second.call("GET", "/v1/findings").json]
        self.assertIn("device_held", codes)
        refused = second.call("POST", "/v1/grants", {"type": "opencl", "memory": "1MiB"})
        self.assert_refused(refused, 409, "does_not_fit")
        self.daemon.stop()
        eventually("it takes the device over", lambda: second.call(
            "GET", "/v1/devices").json[0]["health"] == "healthy")

    def test_grants_that_are_adopted_on_a_held_device_do_not_grow(self):
        self.daemon.create(name="a", memory="16MiB", compute="10%", keep_seconds=600)
        self.daemon.stop()
        second = Daemon()
        self.addCleanup(second.remove)
        second.config.write_text(self.daemon.config.read_text())  # the same lock folder
        second.start()
        second.create(name="b", memory="16MiB", keep_seconds=600)
        self.daemon.start()
        self.assertEqual(self.daemon.grant("a")["state"], "reserved")
        for change in ({"memory": "32MiB"}, {"compute": "20%"}):
            refused = self.daemon.call("PATCH", "/v1/grants/a", change)
            self.assert_refused(refused, 409, "failed_precondition", "held by")
        self.assertEqual(self.daemon.call("PATCH", "/v1/grants/a", {"memory": "8MiB"}).status, 200)
        refused = self.daemon.call("POST", "/v1/grants", {"type": "opencl", "memory": "1MiB"})
        self.assert_refused(refused, 409, "does_not_fit")
        found = [finding for finding in self.daemon.call("GET", "/v1/findings").json
                 if finding["code"] == "device_held"]
        self.assertIn("a of this one on it too", found[0]["message"])
        self.assertTrue(found[0]["remedy"])

    def test_a_damaged_database_is_refused_with_a_remedy(self):
        self.daemon.stop()
        for leftover in ("melon.db-wal", "melon.db-shm"):
            (self.daemon.state / leftover).unlink(missing_ok=True)
        (self.daemon.state / "melon.db").write_bytes(b"garbage" * 4096)
        self.refused_start(self.daemon, "melon.db")

    def test_a_database_that_was_emptied_is_refused_while_there_are_grants(self):
        folder = self.daemon.create(name="a", memory="1MiB", keep_seconds=600)["folder"]
        self.daemon.kill()
        for leftover in ("melon.db-wal", "melon.db-shm"):
            (self.daemon.state / leftover).unlink(missing_ok=True)
        (self.daemon.state / "melon.db").write_bytes(b"")
        self.refused_start(self.daemon, "melon.db")
        self.assertTrue(os.path.exists(folder + "/policy"))
        (self.daemon.state / "melon.db").rename(self.daemon.state / "melon.db.damaged")
        self.daemon.start()
        self.assertEqual(self.daemon.call("GET", "/v1/grants?all=true").json, [])

    def test_a_database_of_a_newer_version_is_refused(self):
        self.daemon.stop()
        with contextlib.closing(sqlite3.connect(self.daemon.state / "melon.db")) as database:
            database.execute("pragma user_version = 9999")
            database.commit()
        self.refused_start(self.daemon, "newer")

    def test_a_wrong_configuration_is_refused(self):
        other = Daemon(config="sockett: /x\n")
        self.addCleanup(other.remove)
        self.assertEqual(self.refused_start(other, "sockett"), 2)


@unittest.skipUnless(os.geteuid() == 0 and shutil.which("mount"), "needs root to mount a small disk")
class FullDisk(unittest.TestCase):
    def test_a_full_disk_refuses_clearly_and_loses_nothing(self):
        daemon = Daemon()
        self.addCleanup(daemon.remove)
        daemon.state.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", daemon.state], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", daemon.state])
        daemon.start()
        names = []
        for number in range(50):
            answer = daemon.call("POST", "/v1/grants",
                                 {"type": "opencl", "name": f"g{number}", "memory": "1MiB"})
            if answer.status != 201:
                break
            names.append(f"g{number}")
        self.assertEqual(answer.status, 503, answer.text)
        self.assertIn("free space", answer.json["error"]["remedy"])
        self.assertTrue(names)
        listed = [grant["name"] for grant in daemon.call("GET", "/v1/grants").json]
        self.assertEqual(listed, names)
        filler = daemon.state / "filler"
        try:
            with open(filler, "wb", buffering=0) as file:
                while True:
                    file.write(b"x" * 4096)
        except OSError:
            pass
        self.assertEqual(daemon.call("DELETE", "/v1/grants/g0").json["state"], "exited")
        codes = [finding["code"] for finding in daemon.call("GET", "/v1/findings").json]
        self.assertIn("disk_low", codes)
        filler.unlink(missing_ok=True)
        eventually("all is stored", lambda: "state_not_saved" not in
                   daemon.call("GET", "/v1/findings").text)
        daemon.kill()
        daemon.start()
        listed = [grant["name"] for grant in daemon.call("GET", "/v1/grants").json]
        self.assertEqual(listed, names[1:])


if __name__ == "__main__":
    unittest.main()
