"""The figures of a comparison of extrapolators of learning curves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from workbench import seeds
from workbench.report.extrapolation import LAST_VALUE, Extrapolation, stopping
from workbench.report.figures import add_legend
from workbench.report.numbers import unit_of_differences
from workbench.report.quality_figures import HONEST
from workbench.report.style import INK, figure, looks, plain_log_ticks
from workbench.statistics.bootstrap import mean_bands

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_GREY = "#888888"
_PANELS = {
    "tau": "Kendall's tau with the true end",
    "error": "mean absolute error",
    "coverage": "part inside the 90 % intervals",
    "nll": "negative log likelihood",
}


def by_epoch(found: Extrapolation, bench: str) -> Figure | None:
    """Return quality against the epochs seen: order, error, coverage and likelihood."""
    if len(found.epochs(bench)) < 2:
        return None
    fig = figure(9.6, 7.2)
    axes = [fig.add_subplot(2, 2, i + 1) for i in range(len(_PANELS))]
    for ax, (metric, title) in zip(axes, _PANELS.items(), strict=True):
        _panel(ax, found, bench, metric)
        ax.set(title=title, xlabel="epochs seen", xscale="log")
        ax.set_xticks(found.epochs(bench), [f"{n}" for n in found.epochs(bench)])
        ax.minorticks_off()
        ax.grid(axis="y", color=_GREY, alpha=0.2)
    add_legend(fig, *axes)
    return fig


def savings(found: Extrapolation, bench: str) -> Figure | None:
    """Return what early stopping saves against what it loses."""
    rows = stopping(found, bench)
    if not rows:
        return None
    style = looks(found.entries)
    fig = figure(9.6, 3.9)
    left, right = fig.subplots(1, 2)
    for row in rows:
        look = style[row.label]
        for ax, value in ((left, row.lost), (right, 100 * row.kept)):
            ax.plot(100 * row.saved, value, look.marker, color=look.colour, ms=8, label=row.label)
    unit = unit_of_differences(found.meta["benchmarks"][bench]["metric"]["unit"])
    left.set_ylabel(f"loss ({unit})" if unit else "loss")
    right.set_ylabel("% with the same choice")
    right.set_ylim(-4, 104)
    for ax in (left, right):
        ax.set_xlabel("% of epochs saved")
        ax.grid(color=_GREY, alpha=0.2)
    add_legend(fig, left, right)
    return fig


def _panel(ax: Axes, found: Extrapolation, bench: str, metric: str) -> None:
    style = looks(found.entries)
    epochs = found.epochs(bench)
    if metric == "coverage":
        ax.axhspan(*HONEST, color=_GREY, alpha=0.18, lw=0)
        ax.axhline(0.9, color=INK, lw=0.8)
    values = found.of(metric, bench)
    for label in found.entries:
        if label not in values.index.get_level_values("entry"):
            continue
        runs = values.loc[label][epochs].dropna().to_numpy()
        if not len(runs):
            continue
        rng = seeds.generator(found.study.seed, bench, label, metric, "bands")
        low, middle, high = mean_bands(runs, rng)
        look = style[label]
        if len(runs) > 1:
            ax.fill_between(epochs, low, high, color=look.colour, alpha=0.18, lw=0)
        ax.plot(epochs, middle, color=look.colour, marker=look.marker, ms=4, label=label)
    if metric == "error" and np.nanmin(values.to_numpy()) > 0:
        ax.set_yscale("log")
        plain_log_ticks(ax.yaxis)
    if metric == "nll" and LAST_VALUE in found.entries:
        worst = float(found.means(metric, bench).loc[[LAST_VALUE]].to_numpy().max())
        ax.set_ylim(top=worst + 0.2 * (worst - ax.get_ylim()[0]))
