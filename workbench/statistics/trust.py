"""When a study is so small that its 95 % intervals are too narrow: measured, not guessed.

The percentile bootstrap knows of no run that did not happen, so that with few runs it covers less
than it says. How much less was measured on studies drawn from real runs, 100 queries of random
search and of regularized evolution, on five tables of four families: docs/statistics.md.
"""

from __future__ import annotations

FEW = 0.93
"""Intervals of 95 % that cover less than this are too narrow."""

COVERAGE = {
    (2, 1): 0.507, (2, 3): 0.717, (2, 5): 0.740,
    (3, 1): 0.746, (3, 3): 0.826, (3, 5): 0.846,
    (5, 1): 0.894, (5, 3): 0.882, (5, 5): 0.906,
    (10, 1): 0.934, (10, 3): 0.923, (10, 5): 0.928,
    (20, 1): 0.938, (20, 3): 0.934, (20, 5): 0.939,
    (30, 1): 0.939, (30, 3): 0.939, (30, 5): 0.939,
    (50, 1): 0.943, (50, 3): 0.940, (50, 5): 0.945,
    (100, 1): 0.941, (100, 3): 0.946, (100, 5): 0.948,
}  # fmt: skip
"""How many of the 95 % intervals of the IQM hold the truth, by runs and tasks; the lower of two."""

ENOUGH = 20
"""The smallest measured number of runs from which on no interval is too narrow."""


def trusted(runs: int, tasks: int) -> float:
    """Return what share of 95 % intervals of the IQM held the truth in studies of that size.

    Measured at the largest size that is no larger in either; 0 for a single run, which has no
    interval. ``verdict.small_study`` says it in words.
    """
    known = [size for size in COVERAGE if size[0] <= runs and size[1] <= tasks]
    return COVERAGE[max(known)] if known else 0.0
