# SPDX-License-Identifier: Apache-2.0
"""Tests of the demo's own parts: measuring, ending what was started, verdicts, the page."""
import io
import pathlib
import re
import sys
import tempfile
import time
import unittest
import xml.etree.ElementTree
from unittest import mock

from demo import charts, demo, meter, programs, report
from demo.screen import Screen
from demo.stage import Stage, StageError, wait_until
from demo.story import Story

SPIN = "import time\nend = time.monotonic() + 60\nwhile time.monotonic() < end: pass"
SPIN_BESIDE = f"import threading\nthreading.Thread(target=exec, args=(\"\"\"{SPIN}\"\"\", {{}})).start()\n"


class StageTest(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.stage = Stage(pathlib.Path(self.temporary.name), pathlib.Path(self.temporary.name))
        self.stage.open()

    def tearDown(self):
        self.stage.close()
        self.temporary.cleanup()

    def test_finds_and_measures_what_a_program_started(self):
        """The child's parent ends at once; its time still counts for the program's name."""
        watcher = meter.Meter(str(self.stage.folder))
        first = watcher.sample()
        parent = self.stage.start("spinner", ["sh", "-c", f"python3 -c '{SPIN_BESIDE}' & sleep 0.1"])
        parent.wait(20)
        wait_until(lambda: watcher.sample().device_seconds.get("spinner", 0.0) > 0.2, 60, "device time")
        window = meter.Window(first, watcher.sample())
        self.assertGreater(window.percent("spinner"), 0)
        self.assertEqual(window.percent("nobody"), 0)

    def test_what_a_programs_own_threads_compute_is_no_device_time(self):
        """Neither the one that it began with nor those that it starts behind the driver's."""
        watcher = meter.Meter(str(self.stage.folder))
        sleepers = f"import threading, time\nfor _ in range({meter.CORES}):\n" \
                   "    threading.Thread(target=time.sleep, args=(60,)).start()\n"
        self.stage.start("spinner", ["python3", "-c", sleepers + SPIN_BESIDE + SPIN])
        wait_until(lambda: watcher.sample().cpu_seconds.get("spinner", 0.0) > 0.2, 60, "CPU time")
        sample = watcher.sample()
        self.assertLess(sample.device_seconds["spinner"], 0.1)

    def test_seconds_that_fall_are_not_counted_twice(self):
        process = meter.Process(7, "p", 1, 0.0, 0.0, 0)
        totals = meter.Totals()
        for seconds in (1.00, 0.99, 1.00, 0.99, 1.01):
            totals.add([(process, seconds)])
        self.assertAlmostEqual(totals.totals["p"], 1.01)

    def test_time_of_ended_programs_stays_counted(self):
        watcher = meter.Meter(str(self.stage.folder))
        self.stage.start("spinner", ["python3", "-c", SPIN])
        wait_until(lambda: watcher.sample().cpu_seconds.get("spinner", 0.0) > 0.2, 60, "CPU time")
        before = watcher.sample().cpu_seconds["spinner"]
        self.stage.end("spinner")
        self.assertGreaterEqual(watcher.sample().cpu_seconds["spinner"], before)
        self.assertNotIn("spinner", watcher.sample().resident_bytes)

    def test_other_programs_are_foreign_load(self):
        other_folder = tempfile.TemporaryDirectory()
        self.addCleanup(other_folder.cleanup)
        other = Stage(pathlib.Path(other_folder.name), pathlib.Path(other_folder.name))
        other.open()
        self.addCleanup(other.close)
        watcher = meter.Meter(str(self.stage.folder))
        first = watcher.sample()
        other.start("spinner", ["python3", "-c", SPIN])
        wait_until(lambda: meter.Window(first, watcher.sample()).foreign_percent > 0, 60, "load")
        self.assertNotIn("spinner", watcher.sample().cpu_seconds)

    def test_clear_ends_everything_of_this_stage_also_what_ignores_sigterm(self):
        self.stage.start("deaf", ["sh", "-c", "trap '' TERM; sleep 300 & sleep 300"])
        wait_until(lambda: len(self.stage.processes("deaf")) == 3, 20, "the programs")
        self.stage.clear()
        self.assertEqual(self.stage.processes("deaf"), [])

    def test_a_folder_serves_one_run_at_a_time_and_the_refused_one_ends_nothing(self):
        self.stage.start("first", ["sleep", "300"])
        second = Stage(self.stage.folder, self.stage.folder)
        with self.assertRaisesRegex(StageError, "another run uses"):
            second.open()
        second.close()
        self.assertEqual(len(self.stage.processes("first")), 1)

    def test_programs_write_inside_the_folder(self):
        environment = self.stage.environment("any")
        for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR", "POCL_CACHE_DIR"):
            self.assertTrue(environment[name].startswith(str(self.stage.folder)), name)

    def test_events_skip_a_half_written_line(self):
        program = self.stage.start("writer", ["printf", '{"event":"a","t":1}\\nwords\\n{"event":'])
        program.wait(20)
        self.assertEqual(program.events(), [{"event": "a", "t": 1}])


class StoryTest(unittest.TestCase):
    def setUp(self):
        self.out = io.StringIO()
        self.story = Story(Screen(self.out))

    def test_a_share_outside_its_tolerance_breaks_the_promise(self):
        self.story.scene("Shares", "")
        self.story.within("inside", 25, 27.9, 3)
        self.story.within("above", 25, 28.1, 3)
        self.story.within("below", 25, 21.9, 3)
        self.assertEqual([check.what for check in self.story.broken], ["above", "below"])

    def test_page_is_self_contained_and_escapes(self):
        scene = self.story.scene("Shares & <more>", "lead", ("compute",))
        self.story.quote("<script>alert(1)</script>")
        scene.ask("a", 25)
        samples = [meter.Sample(scene.start + 0.5 * i, {"a": 0.3 * i}, {"a": 0.25 * i}, {"a": 1 << 20},
                                meter.Machine(0.0, 0.0), 0.0) for i in range(9)]
        scene.end = scene.start + 4
        self.story.within("a", 25, 25, 3)
        page = report.render(self.story, samples)
        self.assertNotIn("<script", page)
        self.assertNotRegex(page, r"https?://|@import|src=")
        self.assertEqual(len(re.findall('<path class="line"', page)), 1)
        self.assertEqual(len(re.findall('<path class="asked"', page)), 1)


class WholeRun(unittest.TestCase):
    """The program itself, with scenes of this test's own."""

    def run_with(self, *scene_functions, arguments=(), seconds=0.0):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        (pathlib.Path(folder.name) / "warm").touch()
        out = io.StringIO()
        words = ["demo.py", "--folder", folder.name, "--binaries", folder.name, "--seed", "7", *arguments]

        def story(screen):
            told = Story(screen)
            told.started -= seconds
            return told
        with mock.patch.object(sys, "argv", words), mock.patch.object(demo.scenes, "ALL", scene_functions), \
                mock.patch.object(demo.scenes, "ALWAYS", scene_functions), \
                mock.patch.object(demo, "Screen", lambda: Screen(out)), mock.patch.object(demo, "Story", story), \
                mock.patch.object(demo.shutil, "which", lambda name: name), mock.patch.object(demo.signal, "signal"):
            status = demo.main()
        return status, out.getvalue()

    @staticmethod
    def scene(kept):
        def play(act):
            act.story.scene("A scene", "")
            act.story.check("a promise", "asked", "measured", kept)
        return play

    def test_it_ends_with_0_only_when_every_promise_was_kept(self):
        status, said = self.run_with(self.scene(True))
        self.assertEqual((status, "All 2 promises were kept" in said), (0, True), said)
        status, said = self.run_with(self.scene(True), self.scene(False))
        self.assertEqual((status, "1 of 3 promises were NOT kept" in said), (1, True), said)

    def test_a_run_without_a_single_check_is_no_success(self):
        def empty(act):
            act.story.scene("Empty", "")
        self.assertEqual(self.run_with(empty, arguments=("--scene", "empty"))[0], 1)

    def test_what_cannot_go_on_is_no_success(self):
        def fails(act):
            raise StageError("no room on the stage")
        status, said = self.run_with(fails)
        self.assertEqual((status, "no room on the stage" in said), (1, True), said)

    def test_longer_than_promised_is_a_promise_broken(self):
        status, said = self.run_with(self.scene(True), seconds=demo.LONGEST_SECONDS + 1)
        self.assertEqual((status, "1 of 2 promises were NOT kept" in said), (1, True), said)

    def test_the_first_line_names_the_device(self):
        _, said = self.run_with(self.scene(True))
        self.assertIn("CPU through OpenCL", said.splitlines()[0])
        makefile = (demo.ROOT / "Makefile").read_text()
        first = re.search(r"^demo:\n\t(.*)", makefile, re.MULTILINE).group(1)
        self.assertRegex(first, "^@echo .*CPU through OpenCL")


class ChartTest(unittest.TestCase):
    def test_plot_is_well_formed_and_stays_inside_its_frame(self):
        line = charts.Line("a < b", [(0, 10), (5, 400)], [(0, 25), (2, None)], 1)
        drawn = charts.plot("t", "%", [line], [(4.9, "late & long note")], 5, 100)
        svg = xml.etree.ElementTree.fromstring(drawn).find("svg")
        for path in svg.iter("path"):
            for y in re.findall(r"[ML]\S+ (\S+?)(?:[LHM]|$| )", path.get("d")):
                self.assertTrue(charts.TOP <= float(y) <= charts.HEIGHT, path.get("d"))

    def test_steps_are_round(self):
        self.assertEqual(charts.nice_step(100, 5), 20)
        self.assertEqual(charts.nice_step(3700, 5), 1000)


class ProgramsTest(unittest.TestCase):
    def test_hashcats_refusal_is_found_in_its_words(self):
        words = "* Device #1: Not enough allocatable device memory for this attack."
        self.assertEqual(programs.hashcat_words(f"a\nPlease be patient...{words}\nb"), words)
        self.assertEqual(programs.hashcat_words("Started: now"), "")


if __name__ == "__main__":
    unittest.main()
