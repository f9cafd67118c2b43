"""Anytime figures in the unit of the metric: validation and test of the incumbents."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from workbench import seeds
from workbench.report.figures import add_legend, curves
from workbench.report.results import Results
from workbench.report.run_length import UNITS
from workbench.report.style import figure, looks, powers_of_ten
from workbench.statistics.bootstrap import mean_bands

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_RESAMPLES = 300
_COLUMNS = 3
_SPLITS = {"incumbent_truth": "metric", "incumbent_test": "test"}


def anytime_numbers(results: Results, axis: str) -> pd.DataFrame:
    """Return mean scores of the incumbents with their bands, one row a point of a curve.

    Columns are ``benchmark``, ``split`` (validation or test), ``strategy``, ``at``, ``low``,
    ``mean``, ``high``; ``axis`` is ``query`` or ``ended``. Scores are in the metric's own unit.
    """
    columns = ["benchmark", "split", "strategy", "at", "low", "mean", "high"]
    rows = [*_curves(results, axis)]
    return pd.concat(rows, ignore_index=True)[columns] if rows else pd.DataFrame(columns=columns)


def _curves(results: Results, axis: str) -> Iterator[pd.DataFrame]:
    for bench, facts in results.meta["benchmarks"].items():
        if axis == "ended" and not facts["has_cost"]:
            continue
        for column, key in _SPLITS.items():
            for strategy in results.strategies:
                at, held = curves(results, bench, strategy, axis, column)
                if facts[key] is None or not len(at):
                    continue
                # Scores are kept so that higher is better, test in its own unit.
                lower = key == "metric" and facts[key]["direction"] == "min"
                rng = seeds.generator(results.meta["study"]["seed"], bench, strategy, axis, column)
                bands = mean_bands(-held if lower else held, rng, _RESAMPLES)
                yield pd.DataFrame(
                    {"at": at, "low": bands[0], "mean": bands[1], "high": bands[2]}
                ).assign(benchmark=bench, split=facts[key]["split"], strategy=strategy)


def anytime_scores(results: Results, axis: str, numbers: pd.DataFrame) -> Figure | None:
    """Return validation and test of the incumbents over the budget, a panel a benchmark and split.

    ``numbers`` is of ``anytime_numbers``; None where that is empty.
    """
    panels = [*numbers[["benchmark", "split"]].drop_duplicates().itertuples(index=False)]
    if not panels:
        return None
    columns = min(_COLUMNS, len(panels))
    rows = -(-len(panels) // columns)
    fig = figure(9.6, 2.6 * rows + 0.6 + 0.5 * (rows == 1))
    axes = [fig.add_subplot(rows, columns, i + 1) for i in range(len(panels))]
    by = dict(iter(numbers.groupby(["benchmark", "split", "strategy"])))
    for ax, (bench, split) in zip(axes, panels, strict=True):
        for strategy, look in looks(results.strategies).items():
            if (found := by.get((bench, split, strategy))) is not None:
                _curve(ax, found, strategy, look)
        _frame(ax, results.meta["benchmarks"][bench], bench, split, axis)
    add_legend(fig, *axes)
    return fig


def _curve(ax: Axes, found: pd.DataFrame, strategy: str, look: Any) -> None:
    ax.fill_between(found["at"], found["low"], found["high"], color=look.colour, alpha=0.16, lw=0)
    every = max(1, len(found) // 6)
    ax.plot(
        found["at"], found["mean"], color=look.colour, label=strategy, ms=4, marker=look.marker,
        markevery=(every // 2, every),
    )  # fmt: skip


def _frame(ax: Axes, facts: dict[str, Any], bench: str, split: str, axis: str) -> None:
    metric = facts["test"] if split == "test" else facts["metric"]
    unit = f" ({metric['unit']})" if metric["unit"] not in ("", "fraction") else ""
    ax.set(title=bench, xlabel=UNITS[axis], ylabel=f"{split}: {metric['name']}{unit}")
    # What the first few queries find is so bad that the rest would be a flat line.
    lines = [np.asarray(line.get_ydata(), dtype=np.float64) for line in ax.get_lines()]
    shown = np.concatenate([values[len(values) // 10 :] for values in lines])
    low, high = shown.min(), shown.max()
    margin = 0.05 * (high - low) or 0.01 * abs(high) or 0.01
    ax.set_ylim(low - margin, high + margin)
    if axis == "ended":
        ax.set_xscale("log")
        powers_of_ten(ax.xaxis)
