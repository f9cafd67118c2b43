"""Numbers as numbers: ordered and logarithmic decisions take one column each.

As Klein and Hutter, "Tabular Benchmarks for Joint Architecture and Hyperparameter Optimization",
2019, arXiv:1905.04970, describe hyperparameters to a model.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from workbench.encodings._base import Encoding
from workbench.types import Archs, Decision, Floats


class Hyperparameters(Encoding):
    """Scaled numbers for ordered decisions, one-hot bits for categorical ones.

    Numbers go from 0 (lowest value) to 1 (highest), those of ``log`` decisions by their logarithm;
    ordered values that are no ascending numbers are spaced evenly. Categorical decisions of two
    values take one column. An inactive decision holds -1 in its column, or no bit.

    Parameters
    ----------
    space : Space
        Any space. The width is set by its decisions.
    """

    def _encode(self, archs: Archs) -> Floats:
        active = self.space.active(archs)
        columns = []
        for i, decision in enumerate(self.space.decisions):
            table, off = _table(decision)
            columns.append(np.where(active[:, i, None], table[archs[:, i]], off))
        return np.concatenate(columns, axis=1)

    def _names(self) -> list[str]:
        return [
            name
            for d in self.space.decisions
            for name in ([f"{d.name}={value}" for value in d.values] if _by_bits(d) else [d.name])
        ]


def _by_bits(decision: Decision) -> bool:
    return decision.kind == "categorical" and len(decision.values) > 2


def _table(decision: Decision) -> tuple[Floats, float]:
    """Return the features of each value, ``(values, columns)``, and those of no value."""
    if _by_bits(decision):
        return np.eye(len(decision.values)), 0.0
    positions = np.arange(len(decision.values), dtype=np.float64)
    numbers = [value for value in decision.values if not isinstance(value, str)]
    ascending = len(numbers) == len(positions) and all(a < b for a, b in pairwise(numbers))
    if decision.kind == "log" and ascending and numbers[0] > 0:
        positions = np.log(np.array(numbers, dtype=np.float64))
    elif decision.kind == "ordered" and ascending:
        positions = np.array(numbers, dtype=np.float64)
    span = positions[-1] - positions[0]
    return ((positions - positions[0]) / (span or 1.0))[:, None], -1.0
