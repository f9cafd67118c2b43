"""The parts of a data set, for tests."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from workbench.training.datasets import Dataset


def parts(data: Dataset) -> dict[str, NDArray[np.float32]]:
    """Return inputs by part: ``train``, ``valid`` and ``test``."""
    return {"train": data.x_train, "valid": data.x_valid, "test": data.x_test}
