"""Find out what a plug-in is, and run the contract suite of its family on it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from workbench import registry
from workbench.errors import PluginError, UnknownName
from workbench.registry import Family

_CHECKED: tuple[Family, ...] = (
    "spaces", "encodings", "predictors", "proxies", "extrapolators", "strategies", "benchmarks",
)  # fmt: skip
"""Families that have a contract suite; a network or data set may share a name with a space."""


def check_plugin(name: str) -> Iterator[tuple[str, str | None]]:
    """Yield the name of each check and its fault (None where it holds).

    ``name`` is the path of a plug-in file, or the name of a plug-in that is installed.

    Raises
    ------
    PluginError
        The file cannot be imported or holds no plug-in.
    UnknownName
        No plug-in has this name.
    """
    families = _families(name)
    checks = [(f, *found) for f in families for found in _checks(f, name)]
    for family, plain, check in checks:
        label = f"{family}: {plain}" if len(families) > 1 else plain
        try:
            check()
        except (Exception, SystemExit) as error:  # whatever a plug-in raises is a finding
            text = str(error).strip() or "does not hold"
            kind = "" if isinstance(error, AssertionError) else f"{type(error).__name__}: "
            yield label, kind + text.partition("\n")[0]
        else:
            yield label, None


def _checks(family: Family, name: str) -> Iterator[tuple[str, Callable[[], None]]]:
    cls: Any = registry.load(family, name)
    if family == "spaces":
        from workbench.testing.spaces import space_checks

        yield from _bound(space_checks(), cls)
    elif family == "benchmarks":
        from workbench.testing.benchmarks import benchmark_checks

        for dataset in cls.DATASETS:
            for label, bound in _bound(benchmark_checks(), partial(cls, dataset)):
                yield f"{dataset}: {label}", bound
    else:
        yield from _bound(_suite(family)(), lambda: name)


def _bound(
    checks: Iterable[Callable[[Any], None]], make: Callable[[], Any]
) -> Iterator[tuple[str, Callable[[], None]]]:
    """Yield checks that make what they check when they are run, so that a fault there counts."""
    for check in checks:
        yield check.__name__, partial(_run, check, make)


def _run(check: Callable[[Any], None], make: Callable[[], Any]) -> None:
    check(make())


def _suite(family: Family) -> Callable[[], list[Callable[[str], None]]]:
    from workbench.testing import encodings, extrapolators, predictors, proxies, strategies

    suites: dict[Family, Any] = {
        "strategies": strategies.strategy_checks,
        "encodings": encodings.encoding_checks,
        "predictors": predictors.predictor_checks,
        "proxies": proxies.proxy_checks,
        "extrapolators": extrapolators.extrapolator_checks,
    }
    found: Callable[[], list[Callable[[str], None]]] = suites[family]
    return found


def _families(name: str) -> list[Family]:
    """Return what a plug-in is; a space and the benchmarks on it may share a name."""
    if not name.endswith(".py"):
        if found := [family for family in _CHECKED if name in registry.names(family)]:
            return found
        known = {n for family in _CHECKED for n in registry.names(family)}
        raise UnknownName("plug-in", name, known, "\na file of yours is named by its path (x.py)")
    return [_family_of(registry.load("strategies", name))]


def _family_of(cls: type[Any]) -> Family:
    from sklearn.base import RegressorMixin, TransformerMixin

    from workbench.data._base import Benchmark
    from workbench.predictors.curves._base import Extrapolator
    from workbench.predictors.zero_cost._base import Aggregate, Proxy
    from workbench.spaces import Space
    from workbench.strategies import Strategy

    bases: dict[type[Any], Family] = {
        Strategy: "strategies",
        Space: "spaces",
        Benchmark: "benchmarks",
        Proxy: "proxies",
        Aggregate: "proxies",
        Extrapolator: "extrapolators",
        TransformerMixin: "encodings",
        RegressorMixin: "predictors",
    }
    for base, family in bases.items():
        if issubclass(cls, base):
            return family
    raise PluginError(
        f"{inspect.getfile(cls)}: {cls.__name__} is none of Strategy, Space, Benchmark, Proxy,"
        " Extrapolator, a scikit-learn transformer or a scikit-learn regressor; derive it from one"
    )
