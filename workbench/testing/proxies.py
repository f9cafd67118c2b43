"""What every zero-cost proxy promises, as functions that take it and raise AssertionError.

Use them from pytest with ``parametrize("check", proxy_checks())``, or through ``workbench check``.
A proxy is given by name, by the path of its file, or as a class. Needs torch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import numpy as np

from workbench.errors import ParameterError
from workbench.testing._plugins import Plugin, plugin_class, untouched_random_state

Check = Callable[[Plugin], None]


def proxy_checks() -> list[Check]:
    """Return all checks of a proxy or an aggregate; each is named by what it checks."""
    return [
        declares_its_direction_and_version,
        numbers_are_finite,
        same_again,
        networks_are_left_alone,
        passes_are_left_for_others,
        networks_without_layers_are_refused,
        ranks_follow_the_parts,
    ]


def check_proxy(plugin: Plugin) -> None:
    """Run all checks; the first that does not hold raises AssertionError."""
    for check in proxy_checks():
        check(plugin)


def declares_its_direction_and_version(plugin: Plugin) -> None:
    """Which way is better, a version for what is stored, and a line on what it is."""
    cls = plugin_class("proxies", plugin)
    assert type(cls.higher_is_better) is bool
    if not _is_aggregate(cls):
        assert type(cls.VERSION) is int
    assert (cls.__doc__ or "").strip(), "has no docstring"


def numbers_are_finite(plugin: Plugin) -> None:
    """A number for every network that holds what it reads, also where nothing gets through."""
    found = [score for _, score in _scores(plugin)]
    for score in found:
        assert isinstance(score, float), f"a score is {type(score).__name__}"
        assert math.isfinite(score), f"a score is {score}"


def same_again(plugin: Plugin) -> None:
    """The same network, batch and seed give the same number."""
    first, again = _scores(plugin), _scores(plugin)
    assert [score for _, score in first] == [score for _, score in again]


def networks_are_left_alone(plugin: Plugin) -> None:
    """Weights, buffers, gradients, modes and hooks stay; no global random state is touched."""
    from workbench.predictors.zero_cost._trial import left_alone, trials

    cls = plugin_class("proxies", plugin)
    for trial in [] if _is_aggregate(cls) else trials():
        with untouched_random_state(), left_alone(trial), suppress(ParameterError):
            cls().score(trial.passes())


def passes_are_left_for_others(plugin: Plugin) -> None:
    """What is shared is read and not changed: other proxies find the same after this one."""
    cls, other = plugin_class("proxies", plugin), plugin_class("proxies", "snip")
    for trial, _ in _scores(plugin):
        passes = trial.passes()
        cls().score(passes)
        after, before = other().score(passes), other().score(trial.passes())
        assert after == before, "changes what it shares with other proxies; change a passes.copy()"


def networks_without_layers_are_refused(plugin: Plugin) -> None:
    """A network without what is read raises ParameterError, or has a finite score."""
    from workbench.predictors.zero_cost._trial import bare

    cls = plugin_class("proxies", plugin)
    if _is_aggregate(cls):
        return
    try:
        score = cls().score(bare().passes())
    except ParameterError:
        return
    assert math.isfinite(score), f"the score of a network without any layer is {score}"


def ranks_follow_the_parts(plugin: Plugin) -> None:
    """An aggregate prefers what is better in every part, whatever the order of the rows."""
    cls = plugin_class("proxies", plugin)
    if not _is_aggregate(cls):
        return
    scores = np.random.default_rng(0).permuted(np.tile(np.arange(9.0), (len(cls.parts), 1)), axis=1)
    rows = np.vstack([scores.T, np.full(len(cls.parts), 10.0)])
    found = cls().combine(rows)
    assert found.shape == (10,)
    assert np.isfinite(found).all()
    assert found.argmax() == 9, "does not prefer what is best in every part"
    assert np.allclose(cls().combine(rows[::-1])[::-1], found), "depends on the order of the rows"


def _is_aggregate(cls: type[Any]) -> bool:
    from workbench.predictors.zero_cost._base import Aggregate

    return issubclass(cls, Aggregate)


def _scores(plugin: Plugin) -> list[tuple[Any, float]]:
    """Return every network that a proxy is for, and its score; nothing for an aggregate."""
    cls = plugin_class("proxies", plugin)
    found = list(_tried(cls)) if not _is_aggregate(cls) else []
    assert found or _is_aggregate(cls), "is for none of the networks"
    return found


def _tried(cls: type[Any]) -> Iterator[tuple[Any, float]]:
    from workbench.predictors.zero_cost._trial import trials

    for trial in trials():
        try:
            yield trial, cls().score(trial.passes())
        except ParameterError:
            continue
