"""Any examples in a ``.npz`` file of numpy, with the arrays X and y."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from workbench.errors import DataMissing, TableError
from workbench.training.datasets._base import Examples, Source
from workbench.training.datasets._split import check_classes, hash_shares

_COLOURS = (1, 3, 4)


class Npz(Source):
    """Rows of features ``(n, f)``, or images ``(n, height, width)`` or ``(n, c, height, width)``.

    What looks like images whose channels come last is refused: four axes, the last 1, 3 or 4 long,
    the second not.

    Parameters
    ----------
    path : str
        The file. It holds ``X``, finite numbers, and ``y`` ``(n,)``, whole numbers or strings: the
        classes, which are numbered in sorted order, of two examples or more each. Pickled objects
        in it are not read.
    """

    def __init__(self, path: str) -> None:
        self.path = Path(path).expanduser()

    def read(self) -> Examples:
        """Return all examples; see ``Source.read``."""
        arrays = _arrays(self.path)
        x = _examples(arrays["X"], self.path)
        y, names = _classes(arrays["y"], len(x), self.path)
        return Examples(x[:, None] if x.ndim == 3 else x, y, hash_shares(x), names)


def _arrays(path: Path) -> dict[str, NDArray[Any]]:
    try:
        with path.open("rb") as file:
            stored = np.load(file, allow_pickle=False)
            if isinstance(stored, np.ndarray):
                raise TableError(f"{path} is a single array; save X and y with numpy.savez")
            missing = [name for name in ("X", "y") if name not in stored.files]
            if missing:
                raise TableError(
                    f"{path} has no array {' and no array '.join(map(repr, missing))}; it has"
                    f" {', '.join(stored.files) or 'none'}"
                )
            return {name: stored[name] for name in ("X", "y")}
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
        raise DataMissing(f"there is no file {path}") from error
    except (ValueError, EOFError, OSError, BadZipFile) as error:
        why = (
            "it is none, or it holds objects, and objects are refused"
            if "pickle" in str(error)
            else error
        )
        raise TableError(f"{path} cannot be read as a .npz of plain arrays: {why}") from error


def _examples(x: NDArray[Any], path: Path) -> NDArray[Any]:
    if x.ndim not in (2, 3, 4) or 0 in x.shape:
        raise TableError(
            f"{path}: X must be (n, features), (n, height, width) or (n, channels, height, width),"
            f" and not empty; its shape is {x.shape}"
        )
    if x.ndim == 4 and x.shape[3] in _COLOURS and x.shape[1] not in _COLOURS:
        raise TableError(
            f"{path}: X must be (n, channels, height, width); its shape is {x.shape}, which looks"
            " like (n, height, width, channels): save X.transpose(0, 3, 1, 2), or, of images that"
            f" are {x.shape[3]} wide, X.swapaxes(2, 3)"
        )
    if x.dtype.kind not in "biuf":
        raise TableError(f"{path}: X must be numbers; its type is {x.dtype}")
    with np.errstate(over="ignore"):
        bad = ~np.isfinite(x.astype(np.float32)).all(axis=tuple(range(1, x.ndim)))
    if bad.any():
        raise TableError(
            f"{path}: X must be finite in single precision; {bad.sum()} examples are not, the first"
            f" in row {np.flatnonzero(bad)[0]}"
        )
    return np.ascontiguousarray(x)


def _classes(y: NDArray[Any], count: int, path: Path) -> tuple[Any, tuple[str, ...]]:
    if y.shape != (count,):
        raise TableError(f"{path}: y must be ({count},), one class an example; it is {y.shape}")
    if y.dtype.kind not in "biuUS":
        raise TableError(f"{path}: y must be whole numbers or strings; its type is {y.dtype}")
    values, numbers = np.unique(y, return_inverse=True)
    if len(values) < 2:
        raise TableError(f"{path}: y must hold at least two classes; it holds {len(values)}")
    classes, names = numbers.astype(np.int64), tuple(map(str, values.tolist()))
    check_classes(path, classes, names)
    return classes, names
