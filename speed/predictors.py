"""How long predictors take: a fit on some cells of nb201/cifar10, and an answer for all of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from speed.measures import Measure
from workbench import registry
from workbench.data._open import benchmark
from workbench.encodings._paths import Alphabet, codes_of
from workbench.predictors._pipeline import encoding_of, predictor_of, seeded
from workbench.types import Archs, Floats, Graphs

_REPEATS = 3

FITS: dict[str, tuple[float, str]] = {
    "ridge": (0.1, ""),
    "bayesian_ridge": (0.1, ""),
    "random_forest": (0.2, "NASLib .09"),
    "extra_trees": (0.3, ""),
    "xgboost": (0.06, "NASLib .04"),
    "lightgbm": (0.1, "NASLib .06"),
    "ngboost": (2.0, "NASLib 4.0"),
    "gaussian_process": (0.1, "NASLib 1.1"),
    "sparse_gp": (1.0, "NASLib 1.0"),
    "nasbowl": (1.0, ""),
    "weaknas": (0.5, ""),
    "auto": (1.0, ""),
    "mlp": (0.4, "NASLib 8.5"),
    "mlp_ensemble": (0.4, "NASLib 45"),
    "dngo": (1.0, "NASLib 26"),
    "bohamiann": (3.0, "NASLib .32"),
    "gcn": (2.0, "NASLib 24"),
    "graph_attention": (3.0, ""),
    "seminas": (10.0, "NASLib 45"),
}
"""CPU seconds that a fit to 100 cells may take, and what a peer takes."""

KERNELS = ("gaussian_process", "sparse_gp", "nasbowl")


@lru_cache(maxsize=1)
def _cells() -> tuple[Archs, Floats]:
    bench = benchmark("nb201/cifar10")
    archs = np.random.default_rng(0).permutation(bench.space.all())
    return archs, bench.truth(archs)


def _model(name: str) -> tuple[Any, Any]:
    """Return an encoded space and a seeded predictor."""
    bench = benchmark("nb201/cifar10")
    rng = np.random.default_rng(0)
    model = predictor_of(_model, name, bench.space)
    return encoding_of(_model, None, bench.space, model).fit(_cells()[0]), seeded(model, rng)


def _cpu(call: Callable[[], object]) -> float:
    times = []
    for _ in range(_REPEATS):
        started = time.process_time()
        call()
        times.append(time.process_time() - started)
    return min(times)


def fit(name: str, size: int) -> Callable[[], float]:
    """Return a measure of CPU seconds of a fit to so many encoded cells."""

    def run() -> float:
        archs, truth = _cells()
        encoding, model = _model(name)
        rows = encoding.transform(archs[:size])
        with threadpool_limits(1):
            return _cpu(lambda: model.fit(rows, truth[:size]))

    return run


def answer(name: str) -> Callable[[], float]:
    """Return a measure of CPU seconds of predicting all 15,625 encoded cells."""

    def run() -> float:
        archs, truth = _cells()
        encoding, model = _model(name)
        rows = encoding.transform(archs)
        with threadpool_limits(1):
            model.fit(rows[:100], truth[:100])
            return _cpu(lambda: model.predict(rows))

    return run


def encode(name: str, **parameters: Any) -> Callable[[], float]:
    """Return a measure of milliseconds of encoding all 15,625 cells."""

    def run() -> float:
        archs, _ = _cells()
        made = registry.load("encodings", name)(benchmark("nb201/cifar10").space, **parameters)
        made.fit(archs).transform(archs)
        return _cpu(lambda: made.transform(archs)) * 1e3

    return run


def learn(name: str) -> Callable[[], float]:
    """Return a measure of CPU seconds of learning an encoding of all of nb201, nothing cached."""

    def run() -> float:
        from workbench.encodings._learned import _classes

        where = benchmark("nb201/cifar10").space
        classes, made = _classes(where), registry.load("encodings", name)(where)
        started = time.process_time()
        made._embed(made._train(classes.graphs, classes.names), classes.graphs)
        return time.process_time() - started

    return run


def paths_of_random_graphs() -> float:
    """Return seconds of the paths of 100,000 random graphs of seven nodes."""
    rng = np.random.default_rng(0)
    adjacency = np.triu(rng.random((100_000, 7, 7)) < 0.5, 1)
    inner = rng.integers(0, 3, (100_000, 5))
    operations = np.pad(inner, ((0, 0), (1, 1)), constant_values=((0, 0), (3, 4)))
    graphs = Graphs(adjacency, operations.astype(np.int16), ("a", "b", "c", "input", "output"))
    alphabet = Alphabet.of(graphs.names[:3], False, False)
    return _cpu(lambda: [len(rows) for rows, _ in codes_of(graphs, alphabet, 5)])


MEASURES = [
    Measure("one_hot of all of nb201", "ms", 5, encode("one_hot"), "NASLib 51"),
    Measure("path of all of nb201", "ms", 15, encode("path"), "NASLib 96, naszilla 240"),
    Measure("graph_features of all of nb201", "ms", 60, encode("graph_features")),
    Measure("wl of all of nb201", "ms", 300, encode("wl")),
    Measure("arch2vec learned on all of nb201", "s", 120, learn("arch2vec")),
    Measure("cate learned on all of nb201", "s", 120, learn("cate")),
    Measure("paths of 100,000 random 7-node graphs", "s", 1, paths_of_random_graphs),
    *(
        Measure(f"fit {name} to 100 cells", "s", bar, fit(name, 100), peers)
        for name, (bar, peers) in FITS.items()
    ),
    Measure(
        "fit gaussian_process to 1,000 cells", "s", 1.5, fit("gaussian_process", 1000),
        "NASLib 42.5",
    ),
    *(
        Measure(f"ask {name} for all of nb201", "s", 3 if name in KERNELS else 1, answer(name))
        for name in FITS
    ),
]  # fmt: skip
