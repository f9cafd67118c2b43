"""What the operations of a space are, read off their names: weights for sums along paths."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from workbench.encodings._wirings import CUT, IDENTITY

Rows = NDArray[np.float32]
ALL_SETS_UP_TO = 5


class Operations(NamedTuple):
    """Tables by operation; each has one more column, of zeros, for index -1: no operation.

    ``passing`` names the operations that pass something on, ``changing`` marks those of them that
    are no identity. ``main`` are the sets of one, of all but one and of all. ``cut``, ``changing``,
    ``pooling``, ``weighted`` and ``kernel`` are ``(o + 1,)``; ``singles`` ``(passing, o + 1)``,
    ``kinds``, ``sets``, ``main`` and ``weights`` ``(k, o + 1)``.
    """

    passing: tuple[str, ...]
    cut: Rows
    changing: Rows
    pooling: Rows
    weighted: Rows
    kernel: Rows
    singles: Rows
    kind_names: tuple[str, ...]
    kinds: Rows
    set_names: tuple[str, ...]
    sets: Rows
    main_names: tuple[str, ...]
    main: Rows
    weight_names: tuple[str, ...]
    weights: Rows


@cache
def operations_of(names: tuple[str, ...]) -> Operations:
    """Return the tables for the names of a space's operations."""
    passing = tuple(name for name in names if name not in CUT)
    pools = {name for name in passing if "pool" in name}
    weighted = {name for name in passing if name not in IDENTITY | pools}
    kernel = {name: _width(name) for name in weighted}
    sets, main = _sets(passing, ALL_SETS_UP_TO), _sets(passing, 0)
    kinds = _kinds(weighted, pools, passing)
    singles = {name: {name} for name in passing if name not in pools}
    groups = {**singles, "weighted": weighted, "pooling": pools, "length": set(passing)}
    groups = {name: group for name, group in groups.items() if group}
    indicators = [_table(names, dict.fromkeys(group, 1)) for group in groups.values()]
    return Operations(
        passing,
        cut=_table(names, dict.fromkeys(CUT & {*names}, 1)),
        changing=_table(names, dict.fromkeys(weighted | pools, 1)),
        pooling=_table(names, dict.fromkeys(pools, 1)),
        weighted=_table(names, dict.fromkeys(weighted, 1)),
        kernel=_table(names, kernel),
        singles=np.stack([_table(names, {name: 1}) for name in passing]),
        kind_names=tuple(kinds),
        kinds=np.stack([_table(names, dict.fromkeys(group, 1)) for group in kinds.values()]),
        set_names=tuple("+".join(group) for group in sets),
        sets=np.stack([_table(names, dict.fromkeys(group, 1)) for group in sets]),
        main_names=tuple("+".join(group) for group in main),
        main=np.stack([_table(names, dict.fromkeys(group, 1)) for group in main]),
        weight_names=(*groups, "kernel"),
        weights=np.stack([*indicators, _table(names, kernel)]),
    )


def _sets(passing: tuple[str, ...], all_up_to: int) -> list[tuple[str, ...]]:
    """Return the sets of operations that paths are counted within."""
    sizes: Iterable[int] = range(1, len(passing) + 1)
    if len(passing) > all_up_to:
        sizes = sorted({1, len(passing) - 1, len(passing)} - {0})
    return [group for size in sizes for group in combinations(passing, size)]


def _kinds(weighted: set[str], pools: set[str], passing: tuple[str, ...]) -> dict[str, set[str]]:
    """Return what is told apart in pairs: few operations one by one, else two kinds of them."""
    if len(passing) > ALL_SETS_UP_TO:
        return {"weighted": weighted, "pooling": pools} if pools else {"weighted": weighted}
    return {name: {name} for name in passing if name in weighted | pools}


def _width(name: str) -> int:
    """Return the kernel width in a name such as ``nor_conv_3x3``; 1 where it gives none."""
    found = re.search(r"(\d+)x\1", name)
    return int(found.group(1)) if found else 1


def _table(names: tuple[str, ...], values: dict[str, int]) -> Rows:
    return np.array([*(values.get(name, 0) for name in names), 0], dtype=np.float32)
