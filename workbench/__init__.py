"""nas-workbench: neural architecture search on tabular benchmarks, and predictor-driven search.

The public names below are loaded when first used; importing the package loads none of torch,
pandas, matplotlib, scipy, scikit-learn or xgboost.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workbench.data._base import Benchmark as Benchmark
    from workbench.data._open import benchmark as benchmark
    from workbench.data._own_table import from_table as from_table
    from workbench.errors import WorkbenchError as WorkbenchError
    from workbench.harness.drive import run_study as run_study
    from workbench.harness.study import load_study as load_study
    from workbench.predictors._pipeline import pipeline as pipeline
    from workbench.predictors._tuning import tune as tune
    from workbench.registry import load as load
    from workbench.report.results import read_results as read_results
    from workbench.spaces import Space as Space
    from workbench.spaces import space as space
    from workbench.strategies import Strategy as Strategy
    from workbench.types import Decision as Decision
    from workbench.types import Metric as Metric
    from workbench.types import Observation as Observation
    from workbench.types import Status as Status
    from workbench.types import Trial as Trial

__version__ = "0.1.0"

_HOME = {
    "Benchmark": "data._base",
    "Decision": "types",
    "Metric": "types",
    "Observation": "types",
    "Space": "spaces",
    "Status": "types",
    "Strategy": "strategies",
    "Trial": "types",
    "WorkbenchError": "errors",
    "benchmark": "data._open",
    "from_table": "data._own_table",
    "load": "registry",
    "load_study": "harness.study",
    "pipeline": "predictors._pipeline",
    "read_results": "report.results",
    "run_study": "harness.drive",
    "space": "spaces",
    "tune": "predictors._tuning",
}

__all__ = ["__version__", *sorted(_HOME)]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"workbench.{_HOME[name]}"), name)
    raise AttributeError(f"module 'workbench' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
