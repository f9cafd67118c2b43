"""The figures of a search: how it went, what it had to choose from, and what it is worth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.report import funnel
from workbench.report.funnel_figures import bars
from workbench.report.search import SearchFolder
from workbench.report.style import figure, looks, plain_log_ticks

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_FOUND, _OTHER = looks(["best", "random"]).values()
_GREY = "#888888"


def progress(found: SearchFolder) -> Figure | None:
    """Return validation scores against time, with the best so far; None without any."""
    trainings = found.trainings.dropna(subset="val_acc")
    if trainings.empty:
        return None
    fig = figure(9.6, 3.4)
    ax = fig.add_subplot()
    minutes = trainings["at"] / 60
    whole = trainings["whole"]
    ax.plot(minutes[~whole], trainings["val_acc"][~whole], "x", color=_GREY, ms=4, mew=0.9,
            label="stopped early, or a first part")  # fmt: skip
    ax.plot(minutes[whole], trainings["val_acc"][whole], "o", color=_FOUND.colour, ms=4,
            label="trained to the last epoch")  # fmt: skip
    if whole.any():
        best = [*trainings["val_acc"][whole].cummax()]
        times, best = [*minutes[whole], minutes.max()], [*best, best[-1]]
        ax.step(times, best, where="post", color=_FOUND.colour, lw=1.2)
    ax.set(xlabel="minutes of search", ylabel="validation accuracy (%)")
    _zoom(ax, trainings["val_acc"])
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    ax.grid(color=_GREY, alpha=0.25)
    return fig


def fronts(found: SearchFolder) -> Figure | None:
    """Return score against parameters and against latency, with what nothing beats in both."""
    whole = found.whole
    end = found.conclusion
    if end is None or whole.empty:
        return None
    whole = whole.assign(latency=whole["trial"].astype(str).map(end["latency"]))
    fig = figure(9.6, 3.6)
    for i, (column, words) in enumerate(
        (("params", "parameters"), ("latency", "latency of one example (ms)"))
    ):
        ax = fig.add_subplot(1, 2, i + 1)
        _front(ax, whole.dropna(subset=column), column, end["best"]["text"])
        ax.set(xlabel=words, ylabel="validation accuracy (%)" if i == 0 else "")
    return fig


def _front(ax: Axes, whole: pd.DataFrame, column: str, best: str) -> None:
    ax.plot(whole[column], whole["val_acc"], "o", color=_GREY, ms=4, alpha=0.7)
    front = whole.sort_values([column, "val_acc"], ascending=[True, False])
    front = front[front["val_acc"] > front["val_acc"].cummax().shift(fill_value=-np.inf)]
    ax.step(front[column], front["val_acc"], "o-", where="post", color=_FOUND.colour, ms=5,
            label="nothing is better in both")  # fmt: skip
    chosen = whole[whole["architecture"] == best].head(1)
    ax.plot(chosen[column], chosen["val_acc"], "*", color=_OTHER.colour, ms=14, label="chosen")
    if column == "params":
        ax.set_xscale("log")
        plain_log_ticks(ax.xaxis)
    _zoom(ax, whole["val_acc"])
    ax.grid(color=_GREY, alpha=0.25)
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)


def final(found: SearchFolder) -> Figure | None:
    """Return test scores of the best and of random architectures, a dot a training."""
    end = found.conclusion
    if end is None:
        return None
    fig = figure(9.6, 2.2)
    ax = fig.add_subplot()
    rows = [
        ("the best found", end["best"]["test"], _FOUND),
        ("median random one", end["random"]["test"], _OTHER),
    ]
    for i, (_, scores, look) in enumerate(rows):
        ax.plot(scores, i + _beside(scores), look.marker, color=look.colour, ms=7, alpha=0.8)
        ax.plot([np.nanmean(scores)] * 2, [i - 0.3, i + 0.3], color=look.colour, lw=2.4)
    drawn = [one["test"] for one in end["drawn"]]
    ax.plot(drawn, 2 + _beside(drawn), "d", color=_GREY, ms=6)
    ax.set_yticks(range(3), [*(name for name, _, _ in rows), "all random ones, once"])
    ax.set_ylim(2.6, -0.6)
    ax.set(xlabel="test accuracy (%)")
    ax.grid(axis="x", color=_GREY, alpha=0.25)
    return fig


def _beside(scores: list[float]) -> np.ndarray:
    """Return heights by which marks of equal scores stand beside each other, not on each other."""
    earlier = [scores[:i].count(score) for i, score in enumerate(scores)]
    return 0.22 * np.array([(n + 1) // 2 * (-1) ** n for n in earlier])


def passing(found: SearchFolder) -> Figure | None:
    """Return what each stage of a funnel let through; None where the strategy has none."""
    stages = stages_of(found)
    if not stages:
        return None
    fig = figure(9.6, 0.5 * len(stages) + 0.9)
    bars(fig.add_subplot(), stages, _FOUND, "s")
    return fig


def stages_of(found: SearchFolder) -> list[funnel.Stage]:
    """Return the stages of the strategy, in their order; none where it is no funnel."""
    groups = found.measures.groupby(["size", "test_set"])
    return [funnel.stage_of(str(name), rows) for (_, name), rows in groups]


def _zoom(ax: Axes, scores: Any) -> None:
    """Show the upper nine tenths: failures that are far below would hide all differences."""
    known = np.asarray(scores, dtype=float)
    low, high = np.quantile(known, 0.1), known.max()
    span = max(high - low, 0.5)
    ax.set_ylim(max(known.min(), low - 0.1 * span) - 0.05 * span, high + 0.12 * span)
