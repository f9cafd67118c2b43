"""Images made smaller or larger, and coloured."""

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


def resized(images: NDArray[Any], size: int, what: str) -> NDArray[Any]:
    """Return square images ``(n, c, size, size)``: averaged, or enlarged between pixels.

    Raises
    ------
    ParameterError
        The size is smaller than that of the images, and no divisor of it.
    """
    if isinstance(size, bool) or not isinstance(size, int) or size <= images.shape[-1]:
        return averaged(images, size, what)
    import torch
    from torch.nn.functional import interpolate

    pixels = torch.as_tensor(images, dtype=torch.float32)
    large: NDArray[np.float32] = interpolate(pixels, size=(size, size), mode="bilinear").numpy()
    return large


def repeated(images: NDArray[Any], channels: int, what: str) -> NDArray[Any]:
    """Return images whose one channel is there so often.

    Raises
    ------
    ParameterError
        That is no number of channels.
    """
    if isinstance(channels, bool) or not isinstance(channels, int) or channels < 1:
        raise ParameterError(
            f"The 'channels' parameter of {what} must be a whole number above 0."
            f" Got {channels!r} instead."
        )
    return np.repeat(images, channels, axis=1) if channels > 1 else images
