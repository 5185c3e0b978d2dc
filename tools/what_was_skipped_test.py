# SPDX-License-Identifier: Apache-2.0
"""Tests of what_was_skipped.py with results that ctest itself wrote."""
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

import what_was_skipped

TESTS = r"""
add_test(good /bin/sh -c "echo fine")
add_test(offline /bin/sh -c "echo SKIPPED: no network; exit 77")
add_test(silent /bin/sh -c "exit 77")
set_tests_properties(offline silent PROPERTIES SKIP_RETURN_CODE 77)
add_test(google /bin/sh -c "printf 'a_test.cc:7: Skipped\\nneeds ptrace\\n[  SKIPPED ] A.B (0 ms)\\n'")
set_tests_properties(google PROPERTIES SKIP_REGULAR_EXPRESSION "\\[  SKIPPED \\]")
add_test(partly /bin/sh -c "echo 'test_a ... skipped \"SKIPPED: no fish\"'; echo OK")
add_test(absent /nonexistent/program)
"""


class WhatWasSkipped(unittest.TestCase):
    def test_names_each_with_its_reason(self):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="melon-what-was-skipped-"))
        self.addCleanup(shutil.rmtree, folder)
        (folder / "CTestTestfile.cmake").write_text(TESTS)
        subprocess.run([os.environ.get("MELON_CTEST", "ctest"), "--test-dir", folder, "--output-junit",
                        "tests.xml"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        self.assertEqual(what_was_skipped.skipped_tests(folder / "tests.xml"), [
            ("offline", "no network"), ("silent", "it gives no reason"), ("google", "needs ptrace"),
            ("partly", "no fish")])

    def test_results_that_were_never_written_are_none(self):
        self.assertEqual(what_was_skipped.skipped_tests(pathlib.Path("/nonexistent/tests.xml")), [])


if __name__ == "__main__":
    unittest.main()
