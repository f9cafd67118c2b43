"""What a batch must be."""

from __future__ import annotations

from torch import Tensor

from workbench.errors import ParameterError


def check_batch(x: Tensor, y: Tensor) -> None:
    """Raise ParameterError unless there are two examples or more, and as many labels."""
    if x.dim() < 2 or len(x) < 2:
        raise ParameterError(
            "The 'x' parameter of Passes must be a batch of two examples or more. Got shape"
            f" {tuple(x.shape)} instead."
        )
    if y.dim() == 0 or len(y) != len(x):
        raise ParameterError(
            f"The 'y' parameter of Passes must be {len(x)} labels, as many as examples. Got shape"
            f" {tuple(y.shape)} instead."
        )


def check_classes(logits: Tensor, y: Tensor) -> None:
    """Raise ParameterError unless labels are classes that a network ``(n, classes)`` knows."""
    if logits.dim() != 2 or y.dim() != 1 or y.is_floating_point():
        raise ParameterError(
            "The 'y' parameter of Passes must be whole numbers (n,), and the network must put out"
            f" (n, classes), unless there is a loss of yours. Got {y.dtype} {tuple(y.shape)} and"
            f" {tuple(logits.shape)} instead."
        )
    if int(y.max()) >= logits.shape[1] or int(y.min()) < 0:
        raise ParameterError(
            f"The 'y' parameter of Passes must be classes below {logits.shape[1]}, the network's."
            f" Got {int(y.min())} to {int(y.max())} instead."
        )
