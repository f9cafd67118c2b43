"""What every encoding promises, as functions that take it and raise AssertionError.

Use them from pytest with ``parametrize("check", encoding_checks())``, or through
``workbench check``. An encoding is given by name, by the path of its file, or as a class.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from sklearn.base import clone

from workbench.errors import ArchitectureError, NoGraph
from workbench.testing._plugins import Plugin, plugin_class, trial_spaces, untouched_random_state
from workbench.types import Archs

Check = Callable[[Plugin], None]
_MANY = 64


def encoding_checks() -> list[Check]:
    """Return all checks of an encoding; each is named by what it checks."""
    return [
        numbers_are_finite,
        rows_are_independent,
        width_is_the_space_s,
        names_fit_the_width,
        same_again,
        copies_and_pickles_are_equal,
        inputs_are_left_alone,
        strangers_are_refused,
        global_random_state_is_left_alone,
    ]


def check_encoding(plugin: Plugin) -> None:
    """Run all checks; the first that does not hold raises AssertionError."""
    for check in encoding_checks():
        check(plugin)


def numbers_are_finite(plugin: Plugin) -> None:
    """Features are a two-dimensional array of finite floating-point numbers."""
    for encoding, archs in _fitted(plugin):
        features = encoding.transform(archs)
        assert features.shape[0] == len(archs)
        assert features.ndim == 2
        assert features.dtype.kind == "f", f"features are {features.dtype}"
        assert np.isfinite(features).all()


def rows_are_independent(plugin: Plugin) -> None:
    """A row gets the same features alone, in a batch, and in another order."""
    for encoding, archs in _fitted(plugin):
        batch = encoding.transform(archs)
        alone = np.concatenate([encoding.transform(archs[i : i + 1]) for i in range(len(archs))])
        assert (batch == alone).all(), "features depend on the other rows"
        assert (encoding.transform(archs[::-1]) == batch[::-1]).all()


def width_is_the_space_s(plugin: Plugin) -> None:
    """The number of features is the same for any population, an empty one too."""
    for encoding, archs in _fitted(plugin):
        width = encoding.transform(archs).shape[1]
        assert encoding.transform(archs[:0]).shape == (0, width)
        assert encoding.transform(archs[:1]).shape == (1, width)


def names_fit_the_width(plugin: Plugin) -> None:
    """Every feature has a name of its own."""
    for encoding, archs in _fitted(plugin):
        names = list(encoding.get_feature_names_out())
        assert len(names) == encoding.transform(archs).shape[1]
        assert len({*names}) == len(names), "two features have the same name"
        assert all(isinstance(name, str) for name in names)


def same_again(plugin: Plugin) -> None:
    """The same architectures get the same features, from another object too."""
    for (first, archs), (again, _) in zip(_fitted(plugin), _fitted(plugin), strict=True):
        assert (first.transform(archs) == again.transform(archs)).all()
        assert (first.transform(archs) == first.transform(archs)).all()


def copies_and_pickles_are_equal(plugin: Plugin) -> None:
    """An encoding clones, pickles and prints like anything in scikit-learn."""
    for encoding, archs in _fitted(plugin):
        features = encoding.transform(archs)
        assert (clone(encoding).fit(archs).transform(archs) == features).all()
        assert (pickle.loads(pickle.dumps(encoding)).transform(archs) == features).all()
        assert type(encoding).__name__ in repr(encoding)


def inputs_are_left_alone(plugin: Plugin) -> None:
    """Populations are not changed."""
    for encoding, archs in _fitted(plugin):
        before = archs.copy()
        archs.flags.writeable = False
        encoding.transform(archs)
        assert (archs == before).all()


def strangers_are_refused(plugin: Plugin) -> None:
    """Rows that are no architectures raise ArchitectureError."""
    for encoding, archs in _fitted(plugin):
        bad = archs.copy()
        bad[0, 0] = 1000
        try:
            encoding.transform(bad)
        except ArchitectureError:
            continue
        raise AssertionError("takes a row that is no architecture")


def global_random_state_is_left_alone(plugin: Plugin) -> None:
    """Nothing is drawn from the global random state."""
    with untouched_random_state():
        for encoding, archs in _fitted(plugin):
            encoding.transform(archs)


def _fitted(plugin: Plugin) -> Iterator[tuple[Any, Archs]]:
    """Yield the encoding of every space that it is for, with a population of it."""
    found = 0
    for where in trial_spaces():
        archs = where.sample(_MANY, np.random.default_rng(0))
        try:
            encoding = plugin_class("encodings", plugin)(where).fit(archs)
            encoding.transform(archs)
        except NoGraph:
            continue
        found += 1
        yield encoding, archs
    assert found, "is for no space at all"
