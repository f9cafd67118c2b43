"""Statistics of comparisons: intervals, tests, ranks, and the verdict that they support."""
