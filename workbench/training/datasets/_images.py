"""Images made smaller."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import ParameterError


def averaged(images: NDArray[Any], size: int, what: str) -> NDArray[Any]:
    """Return square images ``(n, c, size, size)`` whose pixels are means of squares of pixels.

    Raises
    ------
    ParameterError
        The size is no divisor of what the images have.
    """
    n, channels, whole, _ = images.shape
    if isinstance(size, bool) or not isinstance(size, int) or size < 1 or whole % size:
        fitting = [s for s in range(1, whole + 1) if whole % s == 0]
        raise ParameterError(
            f"The 'size' parameter of {what} must be a divisor of {whole}, one of {fitting}."
            f" Got {size!r} instead."
        )
    if size == whole:
        return images
    side = whole // size
    squares = images.reshape(n, channels, size, side, size, side)
    means: NDArray[np.float32] = squares.mean(axis=(3, 5), dtype=np.float64).astype(np.float32)
    return means
