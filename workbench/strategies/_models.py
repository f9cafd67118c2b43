"""Predictors and encodings as a strategy is given them: name, name with parameters, or object."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.base import clone

from workbench import registry
from workbench.errors import NoGraph
from workbench.spaces import Space
from workbench.strategies._base import parameter_error

Given = str | Mapping[str, Any] | Any


def predictor_of(owner: object, given: Given) -> Any:
    """Return an unfitted regressor of one's own.

    Raises
    ------
    ParameterError
        Neither a name, nor a mapping with ``name``, nor an object with ``fit`` and ``predict``,
        or with parameters that the named one does not have.
    UnknownName, MissingExtra
        No predictor has this name, or it needs a package that is not installed.
    """
    if not isinstance(given, (str, Mapping)):
        if not all(hasattr(given, method) for method in ("fit", "predict", "get_params")):
            raise parameter_error(owner, "predictor", "a name, a mapping or a regressor", given)
        return clone(given)
    name, parameters = _named(owner, "predictor", given)
    return _made(owner, "predictor", registry.load("predictors", name), parameters)


def encoding_of(owner: object, given: Given, space: Space) -> Any:
    """Return a transformer of the space's populations of one's own; errors as for a predictor."""
    if given is None:
        given = default_encoding(space)
    if not isinstance(given, (str, Mapping)):
        if not all(hasattr(given, method) for method in ("fit", "transform", "get_params")):
            raise parameter_error(owner, "encoding", "a name, a mapping or a transformer", given)
        return clone(given)
    name, parameters = _named(owner, "encoding", given)
    made = registry.load("encodings", name)
    return _made(owner, "encoding", made, {"space": space, **parameters})


def default_encoding(space: Space) -> str:
    """Return ``graph_features`` for a space with graphs, ``hyperparameters`` for one without."""
    try:
        space.graphs(space.sample(1, np.random.default_rng(0)))
    except NoGraph:
        return "hyperparameters"
    return "graph_features"


def seeded(estimator: Any, rng: np.random.Generator) -> Any:
    """Return a fresh copy in which every open seed is drawn and every open thread count is 1."""
    fresh = clone(estimator)
    chosen: dict[str, int] = {}
    for name, value in sorted(fresh.get_params(deep=True).items()):
        last = name.rpartition("__")[2]
        if value is None and last == "random_state":
            chosen[name] = int(rng.integers(2**31 - 1))
        elif value is None and last == "n_jobs":
            chosen[name] = 1
    return fresh.set_params(**chosen)


def gives_std(regressor: Any) -> bool:
    """Return whether ``predict`` takes ``return_std`` (of a pipeline: that of its last step)."""
    last = regressor.steps[-1][1] if hasattr(regressor, "steps") else regressor
    return "return_std" in inspect.signature(last.predict).parameters


def _named(owner: object, what: str, given: str | Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    if isinstance(given, str):
        return given, {}
    parameters = dict(given)
    name = parameters.pop("name", None)
    if not isinstance(name, str):
        raise parameter_error(owner, what, "a mapping with the key 'name'", given)
    return name, parameters


def _made(owner: object, what: str, cls: type[Any], parameters: dict[str, Any]) -> Any:
    try:
        return cls(**parameters)
    except TypeError as error:
        raise parameter_error(owner, what, f"without unknown keys ({error})", parameters) from None
