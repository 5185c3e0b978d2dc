#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""what_was_skipped.py RESULTS...: the tests that did not run here, each with its reason.

RESULTS are what `ctest --output-junit` wrote. A test says its reason in a line `SKIPPED: ...`, or as
GoogleTest prints it; a whole test, or a part of one that passed otherwise.
"""
import pathlib
import re
import sys

from test_results import is_absent, test_cases

REASONS = re.compile(r"SKIPPED: (.+)$|: Skipped\n(.+)$", re.MULTILINE)


def skipped_tests(results: pathlib.Path) -> list:
    """(name, reason), each reason of a test once."""
    found = []
    for case in test_cases(results):
        if is_absent(case):
            continue
        whole = case.find("skipped")
        reasons = [a or b for a, b in REASONS.findall(case.findtext("system-out") or "")]
        if whole is not None and not reasons:
            reasons = ["it gives no reason"]
        found += [(case.get("name"), reason.strip("'\" ")) for reason in dict.fromkeys(reasons)]
    return found


if __name__ == "__main__":
    for file in sys.argv[1:]:
        for test, why in skipped_tests(pathlib.Path(file)):
            print(f"skipped: {test}: {why}")
