# SPDX-License-Identifier: Apache-2.0
"""Tests of what_failed.py with results that ctest itself wrote."""
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

import what_failed

TESTS = r"""
add_test(good /bin/sh -c "echo fine")
add_test(wrong /bin/sh -c "seq 100; printf '\\033[31mred <&>\\033[0m\\n'; exit 3")
add_test(slow /bin/sh -c "echo begun; exec sleep 60")
set_tests_properties(slow PROPERTIES TIMEOUT 1)
add_test(absent /nonexistent/program)
add_test(skipped /bin/sh -c "exit 77")
set_tests_properties(skipped PROPERTIES SKIP_RETURN_CODE 77)
"""


class WhatFailed(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="melon-what-failed-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.log = self.folder / "stage.log"

    def results(self) -> pathlib.Path:
        (self.folder / "CTestTestfile.cmake").write_text(TESTS)
        subprocess.run([os.environ.get("MELON_CTEST", "ctest"), "--test-dir", self.folder, "--output-junit",
                        "tests.xml"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        return self.folder / "tests.xml"

    def test_names_each_failed_test_with_the_end_of_its_output(self):
        lines = what_failed.report("test", self.log, self.results())
        self.assertEqual(lines[-1], "--- test: 3 failed: wrong, slow, absent")
        self.assertEqual([line for line in lines if line.startswith("--- ")][:3],
                         ["--- test: wrong", "--- test: slow", "--- test: absent"])
        self.assertIn("red <&>", lines)
        self.assertIn("begun", lines)
        self.assertIn("... 41 lines before", lines)
        self.assertNotIn("41", lines)
        self.assertIn("42", lines)

    def test_without_failed_tests_the_findings_are_named(self):
        noise = [f"[{i}/400] Building" for i in range(400)]
        self.log.write_text("\n".join(["src/a.cc:3:1: error: missing ;", *noise, "ninja: stopped"]))
        lines = what_failed.report("test", self.log, self.folder / "never-written.xml")
        self.assertIn("src/a.cc:3:1: error: missing ;", lines)
        self.assertIn("ninja: stopped", lines)
        self.assertLess(len(lines), 100)

    def test_results_cut_off_are_as_none(self):
        (self.folder / "tests.xml").write_text('<testsuite><testcase name="a" status="fail">')
        self.log.write_text("the machine went away\n")
        self.assertIn("the machine went away",
                      what_failed.report("test", self.log, self.folder / "tests.xml"))


if __name__ == "__main__":
    unittest.main()
