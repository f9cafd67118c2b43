"""Predictors and encodings as they are given: by name, by name with parameters, or as objects."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.pipeline import FeatureUnion, Pipeline

from workbench import registry
from workbench.encodings._base import Decisions
from workbench.errors import NoGraph, ParameterError, did_you_mean
from workbench.predictors._base import OnArchitectures
from workbench.spaces import Space
from workbench.spaces import space as named_space

Given = str | Mapping[str, Any] | Any


def pipeline(space: Space | str, predictor: Given = "auto", encoding: Given = None) -> Any:
    """Return a scikit-learn regressor over populations ``(n, d)`` of a space.

    Parameters
    ----------
    space : Space or str
        The space of the architectures, or its name.
    predictor : str, mapping or regressor, default "auto"
        A name of ``workbench list predictors``, ``{"name": ..., parameter: ...}``, or any
        scikit-learn regressor.
    encoding : str, mapping, transformer, list of these or None, default None
        Likewise, of ``workbench list encodings``; several are put side by side by a
        ``FeatureUnion``. ``{"name": "zero_cost", "dataset": ..., ...}`` are zero-cost scores. None
        takes ``graph_features``, or ``hyperparameters`` where the space has no graphs, and nothing
        where the predictor takes architectures as they are.

    Returns
    -------
    sklearn.pipeline.Pipeline
        Of the steps ``encoding`` and ``predictor``; the predictor alone where it takes
        architectures.

    Raises
    ------
    ParameterError
        Something is neither of these, has unknown parameters, or an encoding is given to a
        predictor that takes architectures.
    UnknownName, MissingExtra
        No plug-in has this name, or it needs a package that is not installed.
    NoGraph
        A predictor or an encoding reads graphs and the space has none.

    Examples
    --------
    >>> import workbench as wb
    >>> bench = wb.benchmark("nb201/cifar10")
    >>> archs = bench.space.sample(120, np.random.default_rng(0))
    >>> model = pipeline(bench.space, "extra_trees", "graph_features")
    >>> model.fit(archs[:100], bench.truth(archs[:100])).predict(archs[100:]).shape
    (20,)
    """
    space = named_space(space) if isinstance(space, str) else space
    model = predictor_of(pipeline, predictor, space, encoding)
    if takes_architectures(model):
        encoding_of(pipeline, encoding, space, model)
        return model
    made = encoding_of(pipeline, encoding, space)
    return Pipeline([("encoding", made), ("predictor", model)])


def predictor_of(
    owner: object, given: Given, space: Space | None = None, encoding: Given = None
) -> Any:
    """Return an unfitted regressor of one's own.

    One that takes architectures is given the space; one that takes features as well is given it
    where there is no ``encoding``.

    Raises
    ------
    ParameterError
        Neither a name, nor a mapping with ``name``, nor an object with ``fit`` and ``predict``,
        or with parameters that the named one does not have.
    UnknownName, MissingExtra
        No predictor has this name, or it needs a package that is not installed.
    NoGraph
        The predictor reads graphs and the space has none.
    """
    if not isinstance(given, (str, Mapping)):
        if not all(hasattr(given, method) for method in ("fit", "predict", "get_params")):
            raise _error(owner, "predictor", "a name, a mapping or a regressor", given)
        return clone(given)
    name, parameters = _named(owner, "predictor", given)
    cls = registry.load("predictors", name)
    if issubclass(cls, OnArchitectures) and (cls.NEEDS_SPACE or encoding is None):
        if space is None and cls.NEEDS_SPACE:
            raise _error(owner, "predictor", "one that takes features", given)
        if space is not None and cls.READS_GRAPHS and not has_graphs(space):
            raise NoGraph(
                f"{name} reads graphs and the architectures of {space.name} have none; take a"
                " predictor of features, such as auto"
            )
        parameters = {"space": space, **parameters}
    return _made(owner, "predictor", cls, parameters)


def takes_architectures(model: Any) -> bool:
    """Return whether a regressor takes architectures as they are, and no features of them."""
    return isinstance(model, OnArchitectures) and model.takes_architectures


def encoding_of(owner: object, given: Given, space: Space, model: Any = None) -> Any:
    """Return a transformer of the space's populations of one's own; errors as for a predictor.

    For a ``model`` that takes architectures it is the one that leaves them as they are.
    """
    if takes_architectures(model):
        if given is not None:
            must_be = f"left out: {type(model).__name__} takes architectures as they are"
            raise _error(owner, "encoding", must_be, given)
        return Decisions(space)
    if given is None:
        given = default_encoding(space)
    if isinstance(given, Sequence) and not isinstance(given, str):
        if not given:
            raise _error(owner, "encoding", "a list of at least one encoding", given)
        return _union([encoding_of(owner, one, space) for one in given])
    if not isinstance(given, (str, Mapping)):
        if not all(hasattr(given, method) for method in ("fit", "transform", "get_params")):
            raise _error(owner, "encoding", "a name, a mapping, a list or a transformer", given)
        return clone(given)
    name, parameters = _named(owner, "encoding", given)
    made = _zero_cost() if name == "zero_cost" else registry.load("encodings", name)
    return _made(owner, "encoding", made, {"space": space, **parameters})


def _zero_cost() -> type[Any]:
    """Return the transformer of zero-cost scores: an encoding that trains nothing but needs torch.

    It is no file of ``encodings``, which know no networks.
    """
    from workbench.proxies import ZeroCost

    return ZeroCost


def default_encoding(space: Space) -> str:
    """Return ``graph_features`` for a space with graphs, ``hyperparameters`` for one without."""
    return "graph_features" if has_graphs(space) else "hyperparameters"


def has_graphs(space: Space) -> bool:
    """Return whether architectures of the space are graphs."""
    try:
        space.graphs(space.sample(1, np.random.default_rng(0)))
    except NoGraph:
        return False
    return True


def _union(encoders: list[Any]) -> Any:
    if len(encoders) == 1:
        return encoders[0]
    names = [f"{type(e).__name__.lower()}{i}" for i, e in enumerate(encoders)]
    return FeatureUnion(list(zip(names, encoders, strict=True)))


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
        raise _error(owner, what, "a mapping with the key 'name'", given)
    return name, parameters


def _made(owner: object, what: str, cls: type[Any], parameters: dict[str, Any]) -> Any:
    known = inspect.signature(cls).parameters
    for key, value in parameters.items():
        if key not in known:
            own = [name for name in known if name != "space"]
            hint = did_you_mean(key, own) or f"; it has {', '.join(own) or 'none'}"
            raise ParameterError(f"unknown parameter {key!r} = {value!r} of {cls.__name__}{hint}")
    for key, parameter in known.items():
        if parameter.default is parameter.empty and key not in parameters:
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                continue
            raise _error(owner, what, f"given with {key}, which it needs", cls.__name__)
    try:
        return cls(**parameters)
    except TypeError as error:
        raise _error(owner, what, f"one that can be made ({error})", cls.__name__) from None


def _error(owner: Any, name: str, must_be: str, value: object) -> ParameterError:
    of = owner.__name__ if inspect.isfunction(owner) else type(owner).__name__
    return ParameterError(
        f"The {name!r} parameter of {of} must be {must_be}. Got {value!r} instead."
    )
