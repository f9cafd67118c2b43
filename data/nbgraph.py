"""NAS-Bench-Graph: graph networks on nine node-classification data sets, with test accuracy."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from workbench.data._packaged import PackagedBenchmark
from workbench.data._table import Table
from workbench.data._unpickle import NUMPY_DOUBLES, Admitted
from workbench.spaces import Space
from workbench.types import Metric


class NBGraph(PackagedBenchmark):
    """26,206 classes of graph networks (2,021 on proteins), looked up by any of their members.

    The number of epochs differs by data set and is not stored: epoch 1 is one complete training.
    ``optimum`` and ``random_mean`` are over all valid rows, as random search draws them, not over
    classes.

    Qin et al., "NAS-Bench-Graph: Benchmarking Graph Neural Architecture Search", 2022,
    arXiv:2206.09166.
    """

    DATASETS = (
        *("cora", "citeseer", "pubmed", "cs", "physics", "photo", "computers"),
        *("arxiv", "proteins"),
    )
    FAMILY = "nbgraph"
    SPACE = "nbgraph"
    DISTRIBUTION = "nas-bench-graph"
    MODULE = "nas_bench_graph"
    FILE = "light/{}.bench"
    ADMITTED: ClassVar[Admitted] = NUMPY_DOUBLES
    METRICS: ClassVar[tuple[Metric, ...]] = (
        Metric("valid_perf", "fraction", "max", "validation", "mean over three training seeds"),
        Metric("perf", "fraction", "max", "test", "test performance that goes with valid_perf"),
        Metric("latency", "s", "min", "none", "inference time"),
        Metric("para", "M", "min", "none", "parameters in millions"),
    )
    EPOCHS = (1,)
    SCORE = "valid_perf"
    TESTS: ClassVar[dict[str, str]] = {"valid_perf": "perf"}

    @classmethod
    def convert(cls, raw: Any, whole: Space) -> Table:
        """Return the arrays, one place a class, and the way from every member to its class."""
        stored = np.array(sorted(raw))
        digits = stored[:, None] // 10 ** np.arange(4, -1, -1) % 10
        archs = whole.check(digits.astype(np.int16))
        if not np.array_equal(whole.canonical(archs), archs):
            raise ValueError("its keys are not the representatives of their classes")
        places = np.full(whole.cardinality, -1, dtype=np.int32)
        places[whole.index(archs)] = np.arange(len(stored))
        every = whole.all()
        rows = np.full(whole.cardinality, -1, dtype=np.int32)
        rows[whole.index(every)] = places[whole.index(whole.canonical(every))]
        names = [metric.name for metric in cls.METRICS]
        values = np.array([[raw[key][name] for name in names] for key in stored.tolist()])
        return Table(values[:, None, None, :], np.ones(len(stored), dtype=np.int64), rows)

    @classmethod
    def _part(cls, whole: Space, table: Table) -> Space:
        if np.count_nonzero(table.rows >= 0) == len(whole.all()):
            return whole
        return whole.restrict(table.rows >= 0)
