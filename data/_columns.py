"""Which columns of a user's table hold a quantity: one a seed, one an epoch, or one for all.

A specification is a column's name, a template in which ``{seed}`` or ``{epoch}`` or both stand for
a part of the name (``val_{seed}@{epoch}``), or a list of either, one entry a seed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import takewhile
from typing import NamedTuple, TypeAlias

from workbench.errors import did_you_mean

Columns: TypeAlias = str | Sequence[str]


class Grid(NamedTuple):
    """Names of columns by seed and epoch; no ``seeds`` or no ``epochs``: one for all of them."""

    seeds: tuple[str, ...]
    epochs: tuple[int, ...]
    names: dict[tuple[str | None, int | None], str]


def grid(columns: Columns, header: Sequence[str], faults: list[str]) -> Grid | None:
    """Return the grid of a specification; None where it has a fault, which is added to the list."""
    if isinstance(columns, str):
        return _of_template(columns, header, faults)
    parts = [_of_template(column, header, faults) for column in columns]
    found = [part for part in parts if part is not None]
    names = present(columns, header)
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        faults.append(f"{list(columns)} holds {', '.join(map(repr, repeated))} more than once")
    if repeated or len(found) < len(parts):
        return None
    if not found or any(p.seeds or p.epochs != found[0].epochs for p in found):
        faults.append(
            f"{list(columns)} must be columns, one a seed, all with the same epochs and without"
            " {seed}"
        )
        return None
    seeds = tuple(str(i) for i in range(len(found)))
    by_seed: dict[tuple[str | None, int | None], str] = {
        (seed, epoch): name
        for seed, part in zip(seeds, found, strict=True)
        for (_, epoch), name in part.names.items()
    }
    return Grid(seeds, found[0].epochs, by_seed)


def present(columns: Columns, header: Sequence[str]) -> list[str]:
    """Return the columns that are there of a specification, whatever else is wrong with it."""
    templates = [columns] if isinstance(columns, str) else columns
    return [name for template in templates for name in _matches(template, header).values()]


def title(columns: Columns) -> str:
    """Return what a specification is about: its name without seeds and epochs."""
    text = columns if isinstance(columns, str) else _common_start(columns)
    text = re.sub(r"\{(seed|epoch)\}", "", text)
    return text.strip("_-@.:/ ") or "score"


def _common_start(names: Sequence[str]) -> str:
    alike = takewhile(lambda letters: len(set(letters)) == 1, zip(*names, strict=False))
    return "".join(letters[0] for letters in alike)


def _of_template(template: str, header: Sequence[str], faults: list[str]) -> Grid | None:
    if "{seed}" not in template and "{epoch}" not in template:
        if template in header:
            return Grid((), (), {(None, None): template})
        faults.append(f"no column {template!r}{did_you_mean(template, header)}")
        return None
    names = _matches(template, header)
    if not names:
        faults.append(f"no column like {template!r}; known: {', '.join(header)}")
        return None
    seeds = tuple(sorted({s for s, _ in names if s is not None}, key=_natural))
    epochs = tuple(sorted({e for _, e in names if e is not None}))
    wanted = [(s, e) for s in seeds or (None,) for e in epochs or (None,)]
    absent = [template.format(seed=s, epoch=e) for s, e in wanted if (s, e) not in names]
    if absent:
        faults.append(f"every seed needs every epoch of {template!r}; no column {absent[0]!r}")
        return None
    return Grid(seeds, epochs, names)


def _matches(template: str, header: Sequence[str]) -> dict[tuple[str | None, int | None], str]:
    pattern = re.escape(template)
    pattern = pattern.replace(r"\{seed\}", r"(?P<seed>[A-Za-z0-9]+)", 1)
    pattern = pattern.replace(r"\{epoch\}", r"(?P<epoch>\d+)", 1)
    names = {}
    for column in header:
        if match := re.fullmatch(pattern, column):
            parts = match.groupdict()
            epoch = parts.get("epoch")
            names[parts.get("seed"), None if epoch is None else int(epoch)] = column
    return names


def _natural(seed: str) -> tuple[int, str]:
    return (int(seed) if seed.isdigit() else -1, seed)
