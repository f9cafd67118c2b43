"""Examples and labels as tensors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Split:
    """One part of a data set: ``x`` ``(n, ...)`` single precision, ``y`` ``(n,)`` classes."""

    x: Tensor
    y: Tensor

    @classmethod
    def of(cls, x: Any, y: Any) -> Split:
        """Return the tensors of two arrays."""
        return cls(torch.as_tensor(x, dtype=torch.float32), torch.as_tensor(y, dtype=torch.int64))

    def __len__(self) -> int:
        return len(self.x)

    def digest(self) -> bytes:
        """Return the sha256 of examples and labels."""
        seen = sha256(self.x.cpu().numpy().tobytes())
        seen.update(self.y.cpu().numpy().tobytes())
        return seen.digest()

    def to(self, device: torch.device) -> Split:
        """Return the split on a device."""
        return Split(self.x.to(device), self.y.to(device))

    def pieces(self, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the split in its order, at most ``size`` examples at a time."""
        yield from zip(torch.split(self.x, size), torch.split(self.y, size), strict=True)
