# SPDX-License-Identifier: Apache-2.0
"""Every case of HAMi's contract about codecs, requests, admission, scores, fit, quotas, liveness,
locks and vendors has a test that names it: in a test's own name, its messages, or a scenario."""

import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]

# What is left out is about node plugins (T108, T110 to T114), monitors (T117 to T120) and binding
# itself: how its clients wait for each other (T104).
CASES = [
    1, 2, 3, 5, 6, 7, 9, 10,  # codecs
    11, 13, 14, 15, 17, 18, 19,  # requests
    25, 26, 27, 29, 30, 31, 33, 34, 35, 37, 38,  # admission
    39, 41, 42, 43, 45, 46,  # scores
    47, 49, 50, 51, 53, 54, 55, 56, 57,  # choice
    59, 60, 61, 62, 63, 64, 65, 67, 68, 69, 70, 71, 73, 74, 75, 78, 79,  # fit
    80, 82, 83, 84, 85,  # partitions
    87, 88, 89,  # quotas
    93, 94, 95, 97, 98, 99, 100, 101, 102,  # liveness and locks
    105, 106, 109,  # pods
    123, 124, 125,  # vendors
]


def tests() -> dict[str, str]:
    """The text of each test by its path; of a scenario what it says about itself."""
    texts = {}
    for path in (ROOT / "src").rglob("*_test.cc"):
        texts[str(path.relative_to(ROOT))] = path.read_text()
    for path in (ROOT / "tests" / "scenarios").rglob("*.yaml"):
        name = re.search(r"^name: (.*)$", path.read_text(), re.MULTILINE)
        texts[str(path.relative_to(ROOT))] = name.group(1) if name else ""
    return texts


class Contract(unittest.TestCase):
    def test_each_case_has_a_test(self):
        texts = tests()
        self.assertGreater(len(texts), 100)
        missing = []
        for case in CASES:
            # As a word, or at the head of a test's name: T97ToT99WhoWaits.
            named = re.compile(rf"\bT{case}(?![0-9])")
            where = [path for path, text in texts.items() if named.search(text)]
            print(f"T{case}: {', '.join(sorted(where))}")
            if not where:
                missing.append(f"T{case}")
        self.assertEqual(missing, [])


if __name__ == "__main__":
    unittest.main()
