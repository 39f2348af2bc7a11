# SPDX-License-Identifier: MIT
"""Medians, ratios and what can be said of them; bench/stats.c has the same."""
import math
import statistics

STUDENT = [63.657, 9.925, 5.841, 4.604, 4.032, 3.707, 3.499, 3.355, 3.250, 3.169, 3.106, 3.055, 3.012, 2.977, 2.947, 2.921, 2.898, 2.878,
           2.861, 2.845, 2.831, 2.819, 2.807, 2.797, 2.787, 2.779, 2.771, 2.763, 2.756, 2.750]  # 99.5 % by degrees of freedom


def ratio_interval(first, second):
    """The geometric mean of first/second over rounds, and its 99 % interval of Student's t; without ends where there is one round."""
    logs = [math.log(a / b) for a, b in zip(first, second)]
    mean = statistics.fmean(logs)
    if len(logs) < 2:
        return math.exp(mean), math.nan, math.nan
    half = STUDENT[min(len(logs) - 1, len(STUDENT)) - 1] * statistics.stdev(logs) / math.sqrt(len(logs))
    return math.exp(mean), math.exp(mean - half), math.exp(mean + half)


def spread(values):
    """The width of the middle half."""
    if len(values) < 2:
        return 0.0
    quarters = statistics.quantiles(values, n=4, method="inclusive")
    return quarters[2] - quarters[0]


def verdict(low, high):
    """Differences below 2 % are not told."""
    return "faster" if low > 1.02 else "slower" if high < 1 / 1.02 else "not separated"
