"""The files of CIFAR-10 and CIFAR-100 as their authors distribute them, "python version".

They are pickles, which are programs: they are read by an unpickler that makes inert things only.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from workbench.data._unpickle import unpickle
from workbench.errors import DataMissing
from workbench.training.datasets._base import Examples, Source
from workbench.training.datasets._byte_arrays import BYTE_ARRAYS, ByteArray
from workbench.training.datasets._folders import data_folder
from workbench.training.datasets._images import averaged
from workbench.training.datasets._split import hash_shares
from workbench.types import Ints

ORIGIN = "https://www.cs.toronto.edu/~kriz/cifar.html"


class CIFAR(Source):
    """50,000 images to train and validate on, 3 to 1, and the authors' 10,000 test images.

    Parameters
    ----------
    path : str, optional
        The unpacked folder, or the one it lies in. Without it: the environment variable
        ``WORKBENCH_DATA``, or else the platform's place for data of programs.
    size : int, default=32
        16 averages each 2x2 pixels, 8 each 4x4.
    """

    NAME: ClassVar[str]
    FOLDER: ClassVar[str]
    TRAIN: ClassVar[tuple[str, ...]]
    TEST: ClassVar[str]
    LABELS: ClassVar[bytes]
    CLASSES: ClassVar[int]

    def __init__(self, path: str | None = None, size: int = 32) -> None:
        self.path = path
        self.size = size

    def read(self) -> Examples:
        """Return all examples; see ``Source.read``."""
        folder = self._folder()
        batches = [self._batch(folder / name) for name in (*self.TRAIN, self.TEST)]
        images = np.concatenate([x for x, _ in batches])
        labels = np.concatenate([y for _, y in batches])
        tested = np.arange(len(labels)) >= len(labels) - len(batches[-1][1])
        names = tuple(map(str, range(self.CLASSES)))
        seen = averaged(images, self.size, self.NAME)
        return Examples(seen, labels, hash_shares(images), names, tested)

    def _folder(self) -> Path:
        root = data_folder(self.path)
        for folder in (root / self.FOLDER, root):
            if all((folder / name).is_file() for name in (*self.TRAIN, self.TEST)):
                return folder
        raise DataMissing(
            f"the data set {self.NAME} is not in {root}: get its python version from {ORIGIN} and"
            f" unpack it, so that {root / self.FOLDER / self.TEST} is there; or say where it is, by"
            " the option path or the environment variable WORKBENCH_DATA"
        )

    def _batch(self, file: Path) -> tuple[NDArray[np.uint8], Ints]:
        """Return images ``(n, 3, 32, 32)`` and classes ``(n,)``."""
        batch = unpickle(file.read_bytes(), file, BYTE_ARRAYS, encoding="bytes")
        try:
            data: ByteArray = batch[b"data"]
            labels = np.array(batch[self.LABELS], dtype=np.int64)
            images = data.array().reshape(len(labels), 3, 32, 32)
            if labels.min() < 0 or labels.max() >= self.CLASSES:
                raise ValueError(f"classes from {labels.min()} to {labels.max()}")
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise DataMissing(
                f"{file} is not laid out as {self.NAME} ({type(error).__name__}: {error}); get it"
                f" again from {ORIGIN}"
            ) from error
        return images, labels
