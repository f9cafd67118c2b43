"""The figures over all benchmarks: profiles, chances of improvement, critical differences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workbench import seeds
from workbench.report.figures import add_legend
from workbench.report.over_benchmarks import Leading
from workbench.report.results import Results
from workbench.report.style import INK, figure, looks
from workbench.statistics.friedman import Friedman, groups
from workbench.statistics.profiles import profile_bands
from workbench.types import Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_GREY = "#888888"
_POINTS = 100
_RESAMPLES = 500


def profiles(results: Results, scores: Mapping[str, Floats]) -> pd.DataFrame:
    """Return performance profiles, one row a strategy and score, with their bands.

    Columns are ``strategy``, ``score``, ``low``, ``above``, ``high``. Scores run from the one that
    95 of 100 runs are above, of all strategies, to 1.
    """
    if not scores:
        return pd.DataFrame(columns=["strategy", "score", "low", "above", "high"])
    least = min(float(np.nanquantile(of, 0.05)) for of in scores.values())
    grid = np.linspace(min(least, 0.99), 1, _POINTS)
    found = []
    for strategy, of in scores.items():
        rng = seeds.generator(results.meta["study"]["seed"], strategy, "profile")
        low, above, high = profile_bands(of, grid, rng, _RESAMPLES)
        columns = {"score": grid, "low": low, "above": above, "high": high}
        found.append(pd.DataFrame({"strategy": strategy} | columns))
    return pd.concat(found, ignore_index=True)


def profile(results: Results, found: pd.DataFrame) -> Figure | None:
    """Return the performance profiles; None without benchmarks."""
    if found.empty:
        return None
    fig = figure(9.6, 4.0)
    ax = fig.add_subplot()
    for strategy, look in looks(results.strategies).items():
        mine = found[found["strategy"] == strategy]
        ax.fill_between(mine["score"], mine["low"], mine["high"], color=look.colour, alpha=0.16,
                        lw=0)  # fmt: skip
        ax.plot(mine["score"], mine["above"], color=look.colour, label=strategy, ms=4,
                marker=look.marker, markevery=(6, 16))  # fmt: skip
    ax.set(xlabel="normalised score; 1 is the optimum", ylabel="part of runs above", ylim=(0, 1))
    ax.grid(color=_GREY, alpha=0.25)
    add_legend(fig, ax)
    return fig


def improvement(results: Results, best: str, found: Sequence[Leading]) -> Figure | None:
    """Return how likely a run of the best ends above one of each other strategy."""
    if not found:
        return None
    style = looks(results.strategies)
    fig = figure(9.6, 0.38 * len(found) + 1.2)
    ax = fig.add_subplot()
    ax.axvline(0.5, color=INK, lw=0.8)
    for i, (other, chance, size) in enumerate(found):
        look = style[other]
        ax.plot([chance.low, chance.high], [i, i], color=look.colour, lw=2.2)
        ax.plot(chance.estimate, i, look.marker, color=look.colour, ms=7)
        ax.annotate(f"{chance.estimate:.2f}, {size}", (chance.estimate, i), xytext=(0, 6),
                    textcoords="offset points", ha="center", fontsize=8)  # fmt: skip
    ax.set_yticks(range(len(found)), [f"than {one.other}" for one in found])
    ax.set_ylim(len(found) - 0.5, -0.8)
    ax.set_xlim(min(0.4, *(np.nanmin([one.chance.low, one.chance.estimate]) for one in found)), 1)
    ax.set_xlabel(f"chance that a run of {best} ends better; .5 is no difference")
    ax.grid(axis="x", color=_GREY, alpha=0.25)
    return fig


def critical_differences(
    names: Sequence[str], found: Friedman, apart: float, style_of: Sequence[str]
) -> Figure:
    """Return the critical-difference diagram of Demsar, 2006: mean ranks, and what ties them.

    ``names`` are in the order of the ranks; ``style_of`` is what looks go by.
    """
    order = np.argsort(found.ranks, kind="stable")
    bars = groups(found.ranks, apart)
    half = -(-len(names) // 2)
    fig = figure(9.6, 0.3 * half + 0.16 * len(bars) + 1.3)
    ax = fig.add_subplot()
    ax.set(xlim=(1 - 0.6, len(names) + 0.6), ylim=(-half - 0.6 - 0.5 * len(bars), 1.6))
    ax.spines[["left", "bottom"]].set_visible(False)
    ax.spines["top"].set_visible(True)
    ax.spines["top"].set_position(("data", 0))
    ax.xaxis.tick_top()
    ax.xaxis.set_ticks(range(1, len(names) + 1))
    ax.set_yticks([])
    _scale(ax, apart)
    style = looks(style_of)
    for i, (low, high) in enumerate((b[0], b[-1]) for b in bars):
        ends = [found.ranks[low] - 0.03, found.ranks[high] + 0.03]
        ax.plot(ends, [-0.5 * (i + 1)] * 2, color=INK, lw=3, solid_capstyle="butt")
    for place, k in enumerate(order):
        left = place < half
        depth = (place if left else len(names) - 1 - place) + 1 + 0.5 * len(bars)
        edge = 0.9 if left else len(names) + 0.1
        look, rank = style[names[k]], found.ranks[k]
        ax.plot([rank, rank, edge], [0, -depth, -depth], color=look.colour, lw=1.2)
        ax.plot(rank, 0, look.marker, color=look.colour, ms=6, clip_on=False)
        ax.text(edge, -depth, f" {names[k]} {rank:.2f} ", ha="right" if left else "left",
                va="center", fontsize=8.5)  # fmt: skip
    return fig


def _scale(ax: Axes, apart: float) -> None:
    """Draw how long the critical difference is."""
    ax.plot([1, 1 + apart], [1.2, 1.2], color=INK, lw=1.4, marker="|", ms=8)
    ax.text(1 + apart, 1.2, f"  critical difference {apart:.2f}", va="center", fontsize=8.5)
