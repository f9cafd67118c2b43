"""The figure of run lengths: which share of (run, target) pairs is reached within a budget."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from workbench.report.figures import add_legend
from workbench.report.results import Results
from workbench.report.run_length import UNITS
from workbench.report.style import figure, looks, plain_log_ticks, powers_of_ten

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def reached(results: Results, found: dict[str, pd.DataFrame]) -> Figure | None:
    """Return the ECDF of run lengths, a panel an axis; ``found`` is of ``distributions``."""
    shown = {axis: frame for axis, frame in found.items() if len(frame)}
    if not shown:
        return None
    fig = figure(9.6, 4.0)
    axes = [fig.add_subplot(1, len(shown), i + 1) for i in range(len(shown))]
    for ax, (axis, frame) in zip(axes, shown.items(), strict=True):
        _panel(ax, results, frame)
        ax.set(xlabel=UNITS[axis], xscale="log", ylim=(0, 1))
        (powers_of_ten if axis == "ended" else plain_log_ticks)(ax.xaxis)
    axes[0].set_ylabel("part of pairs reached")
    add_legend(fig, *axes)
    return fig


def _panel(ax: Axes, results: Results, frame: pd.DataFrame) -> None:
    for strategy, look in looks(results.strategies).items():
        mine = frame[frame["strategy"] == strategy]
        ax.fill_between(mine["budget"], mine["low"], mine["high"], color=look.colour, alpha=0.16,
                        lw=0, step="post")  # fmt: skip
        every = max(1, len(mine) // 6)
        ax.plot(
            mine["budget"], mine["reached"], color=look.colour, label=strategy, ms=4,
            marker=look.marker, markevery=(every // 2, every), drawstyle="steps-post",
        )  # fmt: skip
    ax.grid(axis="y", color="#888888", alpha=0.25)
