# SPDX-License-Identifier: Apache-2.0
"""Tests of the figures: reading, intervals, verdicts, the table."""
import unittest

from bench import figures, placement, shim


OUTPUT = """preload (ns CPU per call)
  enqueue                      bare     20.5  added     -1.5
  create+release, 10000 live   bare    100.0  added     61.2
preload and layer
  enqueue                      bare     20.0  added      4.0
"""


class ShimTest(unittest.TestCase):
    def test_reads_what_opencl_bench_prints(self):
        self.assertEqual(shim.parse(OUTPUT), {
            "preload (ns CPU per call)": {"enqueue": (20.5, -1.5),
                                          "create+release, 10000 live": (100.0, 61.2)},
            "preload and layer": {"enqueue": (20.0, 4.0)}})


class PlacementTest(unittest.TestCase):
    def test_rows_become_figures_with_their_budgets(self):
        churn = {"name": "spread", "nodes": 10000, "shapes": 151, "placements_per_second": 59_000.0,
                 "p99_us": 120.0, "node_bytes": 2000, "ranking_bytes_per_node": 500}
        self.assertEqual([figure.kept for figure in placement.figures_of(churn)], [False, True, True, True])
        answer = {"name": "preemption by a share", "nodes": 10000, "milliseconds": 5.1}
        self.assertEqual([figure.kept for figure in placement.figures_of(answer)], [False])
        rebuild = {"name": "rebuild", "seconds": 0.3}
        self.assertEqual([figure.kept for figure in placement.figures_of(rebuild)], [True])


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
        about = {"processor": "p", "cores": 2, "date": "d", "memory_mib": 1, "kernel": "k", "host": "h"}
        table = figures.markdown([figures.at_most("slow", 1, 2, "ns")], about)
        self.assertIn("| slow | <= 1 ns | 2 ns | **missed** |", table)

    def test_table_says_what_was_disturbed(self):
        self.assertEqual(figures.disturbance(figures.at_most("a", 1, 2, "ns", foreign_percent=1.0)), "")
        self.assertIn("30 %", figures.disturbance(figures.around("b", 1, 2, 3, foreign_percent=30.0)))


if __name__ == "__main__":
    unittest.main()
