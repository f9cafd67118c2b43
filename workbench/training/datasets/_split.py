"""Who is trained on, who validates and who tests: decided by what an example looks like."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import ParameterError, TableError
from workbench.training.datasets._base import Examples
from workbench.types import Ints

PARTS = ("train", "valid", "test")
_SHOWN = 5


def hash_shares(x: NDArray[Any]) -> NDArray[np.float64]:
    """Return a number in [0, 1) for each example that depends on its content alone, ``(n,)``.

    Numbers that are no bytes count as single precision, whatever a file stores them as.
    """
    if x.dtype != np.uint8:
        # Adding 0 makes -0 equal to 0, as numbers are.
        x = x.astype("<f4") + np.float32(0)
    digests = (blake2b(row.tobytes(), digest_size=6).digest() for row in x)
    return np.array([int.from_bytes(d, "little") / 2**48 for d in digests])


def split(name: str, examples: Examples, shares: tuple[float, float]) -> dict[str, Ints]:
    """Return the rows of each part, in the order of their hashes.

    Equal examples are in the same part, and the order in a file does not matter. The hashes are
    uniform: shares are met as closely as chance has it, and the first k of a part are a uniform
    sample of it. Where the authors made a test set, that is it; the other examples are divided as
    ``shares`` are to each other, but for those equal to one of the test set: they are left out.

    Raises
    ------
    TableError
        A part is left without an example.
    """
    share = examples.shares
    order = np.lexsort((examples.y, share))
    if examples.tested is None:
        bounds = np.searchsorted(share[order], np.cumsum(shares))
        rows = dict(zip(PARTS, np.split(order, bounds), strict=True))
    else:
        left = order[~np.isin(share[order], share[examples.tested])]
        bound = np.searchsorted(share[left], shares[0] / sum(shares))
        tested = order[examples.tested[order]]
        rows = {"train": left[:bound], "valid": left[bound:], "test": tested}
    if empty := [part for part, found in rows.items() if not len(found)]:
        different = len(np.unique(share))
        alike = f", of which {different} different; equal ones are in one part"
        raise TableError(
            f"the data set {name} has too few examples"
            f" ({len(share)}{alike if different < len(share) else ''}): none is left for"
            f" {', '.join(empty)}; add some"
        )
    return rows


def check_classes(path: Path, y: Ints, names: Sequence[str]) -> None:
    """Raise TableError where a class has one example, which is in one part and so of no use.

    ``y`` ``(n,)`` are classes from 0, ``names`` what they are called in the file or folder.
    """
    single = np.flatnonzero(np.bincount(y, minlength=len(names)) == 1)
    if len(single):
        named = ", ".join(repr(names[i]) for i in single[:_SHOWN])
        more = f" and {len(single) - _SHOWN} more" if len(single) > _SHOWN else ""
        raise TableError(
            f"{path}: a class needs two examples or more, to be learned and to be tested; there is"
            f" one only of {named}{more}: add some, or leave it out"
        )


def first(name: str, part: str, rows: Ints, count: int | None) -> Ints:
    """Return the first so many rows of a part, all of them if None, or raise ParameterError."""
    if count is None:
        return rows
    if not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= len(rows):
        raise ParameterError(
            f"The {part!r} option of the data set {name} must be a number of examples from 1 to"
            f" {len(rows)}. Got {count!r} instead."
        )
    return rows[:count]
