"""nas-workbench: neural architecture search on tabular benchmarks, and predictor-driven search.

The public names below are loaded when first used; importing the package loads none of torch,
pandas, matplotlib, scipy or xgboost.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workbench.errors import WorkbenchError as WorkbenchError
    from workbench.spaces import Space as Space
    from workbench.spaces import space as space

__version__ = "0.1.0"

_HOME = {
    "Space": "workbench.spaces",
    "WorkbenchError": "workbench.errors",
    "space": "workbench.spaces",
}

__all__ = ["__version__", *sorted(_HOME)]  # noqa: PLE0604


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    raise AttributeError(f"module 'workbench' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
