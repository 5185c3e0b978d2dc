# SPDX-License-Identifier: Apache-2.0
"""Tests of the figures: intervals, verdicts, the table."""
import unittest

from bench import figures


class FiguresTest(unittest.TestCase):
    def test_interval_is_the_sign_tests(self):
        # Known order statistics: 12 values -> 3rd to 10th, 10 -> 2nd to 9th, 5 -> all.
        self.assertEqual(figures.median_interval(list(range(1, 13))), (6.5, 3, 10))
        self.assertEqual(figures.median_interval(list(range(1, 11))), (5.5, 2, 9))
        self.assertEqual(figures.median_interval([5, 4, 3, 2, 1]), (3, 1, 5))

    def test_verdicts(self):
        self.assertTrue(figures.around("x", 25, 3, 27.9).kept)
        self.assertFalse(figures.around("x", 25, 3, 21.9).kept)
        self.assertFalse(figures.at_most("x", 40, 40.5, "ns").kept)
        self.assertFalse(figures.at_least("x", 99, 98.9, "%").kept)

    def test_table_marks_what_was_missed(self):
        about = {"processor": "p", "cores": 2, "memory_mib": 1, "kernel": "k", "host": "h"}
        table = figures.markdown([figures.at_most("slow", 1, 2, "ns")], about)
        self.assertIn("| slow | <= 1 ns | 2 ns | **missed** |", table)


if __name__ == "__main__":
    unittest.main()
