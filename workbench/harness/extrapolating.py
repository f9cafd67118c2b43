"""Extrapolators as studies make them, and the curves that they read."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from workbench import registry
from workbench.data._base import Benchmark
from workbench.errors import Fault, WorkbenchError, did_you_mean
from workbench.types import Archs, Floats, Ints

LOSS = "train_loss"
"""The metric of those extrapolators that read no scores."""

_TRIED = 12
_GIVEN = ("space", "epochs", "random_state")


def made(name: str, parameters: Mapping[str, Any], bench: Benchmark, rng: Any) -> Any:
    """Return an extrapolator for a benchmark; it is given its epochs, and its space if it takes it.

    Raises
    ------
    UnknownName, MissingExtra
        None has this name, or it needs a package that is not installed.
    """
    from workbench.predictors._pipeline import seeded  # scikit-learn takes a second to load

    cls = registry.load("extrapolators", name)
    given = {"space": bench.space} if "space" in inspect.signature(cls).parameters else {}
    return seeded(cls(**given, epochs=list(bench.epochs), **parameters), rng)


def rows_of(model: Any, archs: Archs, curves: Floats) -> Floats:
    """Return what an extrapolator takes: curves, after the architecture where it takes those."""
    if "space" not in model.get_params(deep=False):
        return curves
    return np.concatenate([archs.astype(np.float64), curves], axis=1)


def curves_of(name: str, bench: Benchmark, archs: Archs, replicates: Ints) -> Floats:
    """Return what an extrapolator reads of whole trainings, ``(n, t)``: scores, or losses."""
    found = [bench.query_many(archs, epoch, replicates) for epoch in bench.epochs]
    if reads_losses(name):
        return np.stack([one.metrics[LOSS] for one in found], axis=1)
    return np.stack([one.score for one in found], axis=1)


def reads_losses(name: str) -> bool:
    """Return whether the curves that an extrapolator takes are of training losses."""
    return bool(registry.load("extrapolators", name).READS == LOSS)


def try_extrapolator(name: str, parameters: Mapping[str, Any], bench: Benchmark) -> None:
    """Fit an extrapolator to a few made-up curves; what is wrong is raised."""
    rng = np.random.default_rng(0)
    curves = np.cumsum(rng.uniform(size=(_TRIED, len(bench.epochs))), axis=1)
    model = made(name, parameters, bench, rng)
    rows = rows_of(model, bench.space.sample(_TRIED, rng), curves)
    model.fit(rows, curves[:, -1]).predict(rows)


def curve_faults(bench: Benchmark) -> Iterator[str]:
    """Yield that a benchmark stores no learning curves, if so."""
    if len(bench.epochs) < 2:
        yield (
            f"{bench.name} stores no learning curves, only epoch {bench.epochs[0]};"
            " measured/nb201-mnist does"
        )


def loss_faults(name: str, bench: Benchmark) -> Iterator[str]:
    """Yield that an extrapolator reads losses that a benchmark does not store, if so."""
    if reads_losses(name) and LOSS not in bench.metrics:
        yield f"{name} reads training losses, and {bench.name} stores no {LOSS}"


def extrapolator_faults(name: str, parameters: Mapping[str, Any]) -> Iterator[tuple[str, Fault]]:
    """Yield what is wrong with the name of an extrapolator or of a parameter, and its key."""
    try:
        cls = registry.load("extrapolators", name)
    except WorkbenchError as error:
        yield "name", error
        return
    known = [n for n in inspect.signature(cls).parameters if n not in ("space", "epochs")]
    for key in parameters:
        if key not in known:
            hint = did_you_mean(key, known) or "; it takes no parameters"
            yield key, f"unknown parameter of {name}{hint}"


def effective(name: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return every parameter of an extrapolator as it runs: defaults, then those given."""
    values = registry.load("extrapolators", name)(**parameters).get_params(deep=False)
    return {k: v for k, v in values.items() if k not in _GIVEN}
