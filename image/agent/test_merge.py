import random
import statistics
import unittest

import merge
from merge import Summary


class MergeTest(unittest.TestCase):
    def test_parts_merged_are_the_whole(self):
        draw = random.Random(1784)
        values = [draw.gauss(1e6, 3) for _ in range(1000)]
        parts = [values[:1], values[1:1], values[1:300], values[300:], []]
        whole = merge.merged(merge.of_values(part) for part in parts)
        self.assertEqual(whole.size, 1000)
        self.assertEqual((whole.minimum, whole.maximum), (min(values), max(values)))
        self.assertAlmostEqual(whole.mean / statistics.fmean(values), 1, delta=1e-12)
        wanted = statistics.pvariance(values)
        self.assertAlmostEqual(whole.variance / wanted, 1, delta=1e-9)
        self.assertAlmostEqual(merge.as_statistics(whole)["std dev"] ** 2 / wanted, 1, delta=1e-9)

    def test_equal_means_stay_exact(self):
        third = Summary(1, 0.1, 0.1, 0.1, 0.0)
        self.assertEqual(merge.merged([third] * 7), Summary(7, 0.1, 0.1, 0.1, 0.0))

    def test_nothing_merges_to_nothing(self):
        empty = {"min": None, "max": None, "median": None, "mean": None, "variance": None,
                 "std dev": None, "size": 0}
        summary = merge.of_statistics(empty)
        self.assertEqual(merge.merged([summary, summary]), Summary())
        one = merge.of_values([2.5])
        self.assertEqual(merge.merged([summary, one, summary]), one)
        self.assertEqual(merge.as_statistics(Summary()), {
            "min": None, "max": None, "mean": None, "variance": None, "std dev": None, "size": 0})

    def test_ends_of_f64_do_not_overflow(self):
        ends = merge.merged([merge.of_values([1.7e308]), merge.of_values([-1.7e308])])
        self.assertEqual((ends.mean, ends.variance), (0.0, None))
        # f64 cannot hold the variance, neither here nor after further merging.
        self.assertIsNone(merge.merged([ends, merge.of_values([1.0])]).variance)
        self.assertEqual(merge.of_values([1.7e308, 1.7e308]).mean, 1.7e308)
        self.assertEqual(merge.median([1.7e308, 1.7e308]), 1.7e308)

    def test_median_is_of_the_values(self):
        self.assertEqual(merge.median([3.0, 1.0, 2.0]), 2.0)
        self.assertEqual(merge.median([4.0, 1.0, 2.0, 3.0]), 2.5)
        self.assertIsNone(merge.median([]))

    def test_what_is_not_statistics_is_refused(self):
        good = {"min": 1.0, "max": 1, "mean": 1.0, "variance": 0.0, "size": 1}
        self.assertEqual(merge.of_statistics(good), Summary(1, 1.0, 1.0, 1.0, 0.0))
        wrong = [{"size": -1}, {"size": 1.0}, {"size": True}, {"size": 2**63}, {"min": "1"},
                 {"mean": float("inf")}, {"max": 10**400}, {"variance": -1.0}, {"min": None}]
        for each in wrong:
            with self.subTest(each), self.assertRaises(ValueError):
                merge.of_statistics({**good, **each})
        for each in ([], None, 3, {}):
            with self.subTest(each), self.assertRaises(ValueError):
                merge.of_statistics(each)


if __name__ == "__main__":
    unittest.main()
