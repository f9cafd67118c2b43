"""Search strategies, ask and tell: one file each, named as their paper named them."""

from __future__ import annotations

from workbench.strategies._base import Strategy

__all__ = ["Strategy"]
