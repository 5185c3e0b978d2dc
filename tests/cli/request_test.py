# SPDX-License-Identifier: Apache-2.0
"""What a request may say, whether it fits, and who waits for room."""
import signal
import subprocess
import unittest

from melon_under_test import SOON_SECONDS, MelonTest

TRUE = ("--", "true")


class BadInput(MelonTest):
    def test_memory(self):
        for text in ("0", "0MiB", "-1", "-5GiB", "12XB", "1.5.5GiB", "abc", "1 GiB MiB", "nan", "inf",
                     "99999999999999999999GiB", "18446744073709551616", "200%", "0%"):
            self.fails(125, "run", f"--memory={text}", *TRUE, says=[f"'{text}'", "512MiB", "25%"])
            self.fails(2, "run", f"--memory={text}", "--dry-run", says=[f"'{text}'"])
        self.fails(125, "run", "--memory=", *TRUE, says=["--memory"])

    def test_a_dry_run_refuses_a_name_that_is_taken(self):
        self.detached("taken", "--memory", "1MiB")
        self.fails(4, "run", "--memory", "1MiB", "--name", "taken", "--dry-run", says=["'taken'", "exists"])
        self.ok("run", "--memory", "1MiB", "--name", "free", "--dry-run")
        self.assertIsNone(self.workload("free"))

    def test_what_names_nothing_and_what_is_given_twice(self):
        small = ("run", "--memory", "1MiB")
        self.fails(125, *small, "--memory", "2MiB", *TRUE, says=["--memory", "more than once"])
        for flag in ("--device", "--type"):
            self.fails(125, *small, flag, "", *TRUE, says=[flag, "melon devices"])
            self.fails(125, "run", f"{flag}=", "--memory", "1MiB", *TRUE, says=[flag, "needs a value"])

    def test_compute(self):
        for text in ("0%", "-5%", "101%", "0.01%", "abc%", "1e400%", "25 permille", "1000"):
            self.fails(125, "run", f"--compute={text}", *TRUE, says=[f"'{text}'", "25%"])
        self.fails(125, "run", "--compute", "25", *TRUE, says=["'25'", "write 25%"])
        self.fails(125, "run", "--share", "burst", "--compute", "10%", "--max", "25", *TRUE, says=["25%"])

    def test_words_and_numbers(self):
        small = ("run", "--memory", "1MiB")
        for words, says in (
                (("--share", "soft"), ("'soft'", "hard, weighted, burst")),
                (("--priority", "urgent"), ("'urgent'", "low, normal, high")),
                (("--weight", "0"), ("--weight 0", "1 to 10000")), (("--weight", "x"), ("--weight 'x'",)),
                (("--weight", "99999999999"), ("99999999999",)), (("--weight", "10001"), ("--weight 10001",)),
                (("--weight", "0x10"), ("--weight '0x10'",)), (("--weight", "010"), ("--weight '010'",)),
                (("--count", "0"), ("--count 0", "1 to 16")), (("--count", "17"), ("--count 17",)),
                (("--wait=soon",), ("--wait: ", "'soon'", "1h30m")), (("--keep", "0"), ("--keep: ", "unit")),
                (("--wait=0s",), ("--wait '0s'", "1s to 365d")), (("--keep", "0s"), ("--keep '0s'", "1s to 365d")),
                (("--wait=400d",), ("--wait '400d'", "365d")), (("--keep", "400d"), ("--keep '400d'", "365d")),
                (("--name", "a b"), ("'a b'", "a-z")), (("--name", "a" * 64), ("63",)),
                (("--name", ""), ("name",)), (("--share", "hard"), ("--compute",)),
                (("--share", "burst"), ("--compute",)), (("--max", "50%"), ("--share burst",)),
                (("--share", "weighted", "--compute", "50%"), ("hard or burst",)),
                (("--share", "burst", "--compute", "50%", "--max", "20%"), ("--max 50%",)),
                (("--memroy", "5"), ("'--memroy'", "did you mean '--memory'")),
                (("-o", "xml"), ("'xml'", "yaml"))):
            self.fails(125, *small, *words, *TRUE, says=says)
        for flag in ("--weight", "--count"):
            self.fails(125, *small, flag, "", *TRUE, says=[f"{flag} ''"])
            self.fails(2, "run", "--dry-run", flag, "x", says=[f"{flag} 'x'"])
        self.fails(125, "run", "true", says=["melon run -- true"])
        self.fails(125, "run", says=["--"])

    def test_unknown_devices_types_and_grants(self):
        self.fails(3, "run", "--dry-run", "--device", "gpu-7", "--memory", "1MiB", says=["'gpu-7'", "opencl-0"])
        self.fails(125, "run", "--device", "gpu-7", "--memory", "1MiB", *TRUE, says=["'gpu-7'", "opencl-0"])
        self.fails(125, "run", "--type", "A100", "--memory", "1MiB", *TRUE, says=["'A100'", "melon devices"])
        self.fails(125, "run", "--count", "2", "--memory", "1MiB", *TRUE, says=["2 devices"])
        for command in ("stop", "suspend", "resume", "wait", "explain", "logs", "env"):
            self.fails(3, command, "nobody", says=["'nobody'", "melon ps"])
        self.fails(3, "set", "nobody", "--compute", "5%", says=["'nobody'"])
        self.fails(3, "vendors", "show", "nobody", says=["'nobody'", "melon vendors"])

    def test_a_name_belongs_to_one_workload_at_a_time(self):
        self.detached("one", "--memory", "1MiB")
        self.fails(125, "run", "--name", "one", "--memory", "1MiB", *TRUE, says=["'one'", "melon stop one"])
        self.ok("stop", "one")
        self.ok("run", "--name", "one", "--memory", "1MiB", *TRUE)

    def test_quantities_as_people_write_them(self):
        total = self.device()["memory_mib"]
        for text, mib, echoed in (("3", 3, False), ("512MiB", 512, False), ("512Mi", 512, False),
                                  ("0.5GiB", 512, True), ("1GiB", 1024, False), ("2G", 1908, True),
                                  ("1500k", 2, True), ("25%", total // 4, False)):
            ended = self.ok("run", "--memory", text, "--dry-run", "-o", "json")
            self.assertAlmostEqual(ended.json["placements"][0]["memory_mib"], mib, delta=int("%" in text))
            self.assertEqual(f"memory {text} is {mib} MiB" in ended.err, echoed, str(ended))


class Fits(MelonTest):
    def test_what_would_fit_fits_and_one_granule_more_does_not(self):
        self.detached("half", "--memory", "50%", "--compute", "70.5%")
        self.fails(125, "run", "--memory", "60%", *TRUE, says=["memory"])
        refused = self.fails(4, "run", "--memory", "60%", "--dry-run", says=["opencl-0", "memory", "--wait"])
        fitting = int(refused.err.split("would fit: --memory ")[1].split("MiB")[0])
        self.assertEqual(fitting, self.device()["free_memory_mib"])
        self.ok("run", "--memory", f"{fitting}MiB", *TRUE)
        self.fails(4, "run", "--memory", f"{fitting + 1}MiB", "--dry-run")
        small = ("--memory", "1MiB", "--compute")
        refused = self.fails(4, "run", *small, "30%", "--dry-run", says=["compute", "--compute 29.5%"])
        self.ok("run", *small, "29.5%", *TRUE)
        self.fails(4, "run", *small, "29.6%", "--dry-run")

    def test_more_than_the_device_has_never_fits(self):
        total = self.device()["memory_mib"]
        self.fails(125, "run", "--memory", f"{total + 1}MiB", *TRUE, says=[str(total)])
        self.fails(4, "run", "--memory", f"{total + 1}MiB", "--dry-run")
        self.fails(125, "run", "--memory", f"{total + 1}MiB", "--wait", *TRUE)

    def test_without_memory_the_whole_device_is_asked_for(self):
        total = self.device()["memory_mib"]
        self.assertEqual(self.ok("run", "--dry-run", "-o", "json").json["placements"][0]["memory_mib"], total)
        self.detached("some", "--memory", "1MiB")
        self.fails(4, "run", "--dry-run", says=["opencl-0"])

    def test_without_compute_nothing_is_booked(self):
        for name in ("a", "b"):
            slices = self.detached(name, "--memory", "1MiB")["slices"]
            self.assertEqual((slices[0]["share"], slices[0]["weight"], slices[0]["compute_permille"]),
                             ("weighted", 100, 0))
        self.assertEqual(self.device()["free_compute_permille"], 1000)
        self.detached("c", "--memory", "1MiB", "--compute", "25%")
        self.detached("d", "--memory", "1MiB", "--compute", "20%", "--share", "burst", "--max", "60%")
        self.assertEqual(self.device()["free_compute_permille"], 550)
        self.assertEqual(self.workload("d")["slices"][0]["ceiling_permille"], 600)

    def test_a_dry_run_changes_nothing(self):
        before = self.ok("ps", "-a", "-o", "json").json
        self.ok("run", "--dry-run", "--name", "ghost", "--memory", "1MiB", *TRUE)
        self.assertEqual(self.ok("ps", "-a", "-o", "json").json, before)


class Waits(MelonTest):
    def queued(self, name, *words):
        waiting = self.machine.popen("run", "--name", name, "--wait", *words, "--", "sleep", "1000",
                                     stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                     stderr=subprocess.DEVNULL)
        self.addCleanup(waiting.wait, SOON_SECONDS)
        self.addCleanup(waiting.terminate)
        self.wait_state(name, "queued", "reserved", "running")
        return waiting

    def state(self, name):
        return self.workload(name)["state"]

    def test_first_come_first_served_and_small_ones_do_not_starve_a_large_one(self):
        self.detached("now", "--memory", "60%")
        self.queued("large", "--memory", "80%")
        self.queued("small", "--memory", "30%")  # has room now, and would keep the large one waiting
        self.fails(125, "run", "--memory", "1MiB", *TRUE, says=["opencl-0 (queue)"])
        self.assertEqual((self.state("large"), self.state("small")), ("queued", "queued"))
        why = self.ok("explain", "large")
        self.assertIn("opencl-0 (memory)", why.out)
        self.assertIn("would fit", why.out)
        self.ok("stop", "now")
        self.wait_state("large", "running")
        self.assertEqual(self.state("small"), "queued")
        self.ok("stop", "large")
        self.wait_state("small", "running")

    def test_it_gives_up_after_its_time(self):
        self.detached("now", "--memory", "60%")
        ended = self.fails(125, "run", "--name", "late", "--wait=1s", "--memory", "60%", *TRUE,
                           says=["late waits for room", "opencl-0 (memory)", "found no room"])
        self.assertNotIn("\x1b", ended.err)
        self.assertEqual(self.state("late"), "failed")

    def test_who_stops_waiting_leaves_the_queue(self):
        self.detached("now", "--memory", "60%")
        waiting = self.queued("patient", "--memory", "60%")
        waiting.send_signal(signal.SIGINT)
        self.assertEqual(waiting.wait(SOON_SECONDS), 128 + signal.SIGINT)
        self.assertNotIn("patient", [w["name"] for w in self.ok("ps", "-o", "json").json])


if __name__ == "__main__":
    unittest.main()
