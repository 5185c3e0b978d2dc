#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""what_failed.py STAGE LOG [RESULTS]: what a reader of a long log's end needs to know of a failed stage.

RESULTS is what `ctest --output-junit` wrote: each failed test's name and the end of its output. Where
no test failed (nothing was built, a check found something), the findings in LOG and LOG's end.
"""
import pathlib
import re
import sys

from test_results import is_absent, test_cases

MOST_LINES = 60  # of one test's output, or of the log
MOST_FINDINGS = 40
MOST_OUTPUTS = 8  # of a stage; the other failed tests are only named
FINDING = re.compile(r"\b(error|warning|fatal error|runtime error):|\bFAILED\b|\bERROR\b|\*\*\* ")
NOT_PRINTABLE = re.compile(r"\[NON-XML-CHAR-0x[0-9A-F]+\](\[[0-9;]*m)?")  # ctest's, with what it coloured


def end_of(text: str) -> list:
    lines = [line for line in NOT_PRINTABLE.sub("", text).splitlines() if line.strip()]
    left_out = len(lines) - MOST_LINES
    return ([f"... {left_out} lines before"] if left_out > 0 else []) + lines[-MOST_LINES:]


def failed_tests(results: pathlib.Path) -> list:
    """(name, output) of each test that failed or whose program is not there; not of skipped ones."""
    return [(case.get("name"), case.findtext("system-out") or "") for case in test_cases(results)
            if case.get("status") == "fail" or is_absent(case)]


def report(stage: str, log: pathlib.Path, results: pathlib.Path | None) -> list:
    tests = failed_tests(results) if results else []
    lines = []
    for name, output in tests[:MOST_OUTPUTS]:
        lines += [f"--- {stage}: {name}", *end_of(output)]
    if tests:
        return [*lines, f"--- {stage}: {len(tests)} failed: {', '.join(name for name, _ in tests)}"]
    text = log.read_text(errors="replace") if log.exists() else ""
    findings = [line for line in text.splitlines() if FINDING.search(line)]
    return [f"--- {stage}: the log's end", *end_of(text), f"--- {stage}: its findings",
            *findings[:MOST_FINDINGS]]


if __name__ == "__main__":
    print("\n".join(report(sys.argv[1], pathlib.Path(sys.argv[2]),
                           pathlib.Path(sys.argv[3]) if len(sys.argv) > 3 else None)))
