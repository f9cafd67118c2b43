"""The figures of a comparison of strategies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from workbench import seeds
from workbench.report.numbers import unit_of_differences
from workbench.report.results import Results
from workbench.report.style import Look, figure, looks, powers_of_ten
from workbench.statistics.bootstrap import Interval, mean_bands
from workbench.statistics.comparison import mean_ranks
from workbench.statistics.regret import anytime_regret
from workbench.types import Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_POINTS = 200
_COLUMNS = 3


def regret_numbers(results: Results, axis: str) -> pd.DataFrame:
    """Return mean regret of the incumbents with its band, one row a point of a curve.

    ``axis`` is ``query`` or ``ended``. Bands are 95 % bootstrap intervals of the mean over runs.
    Empty where no benchmark has what it takes.
    """
    columns = ["benchmark", "strategy", "at", "low", "mean", "high"]
    rows = [*_regrets(results, axis)]
    return pd.concat(rows, ignore_index=True)[columns] if rows else pd.DataFrame(columns=columns)


def _regrets(results: Results, axis: str) -> Iterator[pd.DataFrame]:
    for bench, facts in results.meta["benchmarks"].items():
        if not _spread_known(facts) or (axis == "ended" and not facts["has_cost"]):
            continue
        for strategy in results.strategies:
            at, held = curves(results, bench, strategy, axis)
            if len(at):
                rng = seeds.generator(results.meta["study"]["seed"], bench, strategy, axis, "bands")
                low, mean, high = mean_bands(held, rng)
                found = pd.DataFrame({"at": at, "low": low, "mean": mean, "high": high})
                yield found.assign(benchmark=bench, strategy=strategy)


def anytime(results: Results, axis: str, numbers: pd.DataFrame) -> Figure | None:
    """Return mean regret against queries or simulated seconds, one panel a benchmark.

    ``numbers`` is of ``regret_numbers``; None where that is empty.
    """
    shown = [*numbers["benchmark"].unique()]
    if not shown:
        return None
    # One benchmark alone has the whole width, and more height.
    columns = _COLUMNS if len(shown) > 1 else 1
    rows = -(-len(shown) // columns)
    # So has a legend of more than eight, two in a row.
    legend = 0.1 * max(len(results.strategies) - 8, 0)
    fig = figure(9.6, 2.6 * rows + 0.5 + (columns == 1) + 0.5 * (rows == 1) + legend)
    style = looks(results.strategies)
    axes = [fig.add_subplot(rows, columns, i + 1) for i in range(len(shown))]
    for ax, bench in zip(axes, shown, strict=True):
        of_bench = numbers[numbers["benchmark"] == bench]
        _panel(ax, results.meta["benchmarks"][bench], of_bench, axis, style)
        ax.set_title(bench)
    add_legend(fig, *axes)
    return fig


def _spread_known(facts: Mapping[str, Any]) -> bool:
    return facts["optimum"] is not None and facts["optimum"] > facts["random_mean"]


def ranking_numbers(results: Results, pooled: Mapping[str, Interval]) -> pd.DataFrame:
    """Return the pooled score of each strategy and its mean normalised score on each benchmark."""
    rows = [
        {"strategy": s, "score": value.estimate, "low": value.low, "high": value.high}
        for s, value in sorted(pooled.items(), key=lambda item: -item[1].estimate)
    ]
    means = {
        bench: {s: float(values.mean()) for s, values in of.items() if len(values)}
        for bench, of in results.scores("normalised").items()
    }
    found = pd.DataFrame(rows)
    return found.assign(**{b: found["strategy"].map(of) for b, of in means.items() if of})


def ranking(results: Results, pooled: Mapping[str, Interval]) -> Figure:
    """Return normalised scores over all benchmarks beside the ranks on each, if there are more."""
    order = sorted(pooled, key=lambda s: -pooled[s].estimate)
    style = looks(results.strategies)
    scores = results.scores("normalised")
    shown = [b for b in results.benchmarks if all(len(scores.get(b, {}).get(s, ())) for s in order)]
    fig = figure(9.6, 0.38 * len(order) + 1.5 + 0.5 * (len(shown) > 4))
    several = len(shown) > 1
    grid = fig.add_gridspec(1, 2, width_ratios=[1.1, 1]) if several else fig.add_gridspec(1, 1)
    _dots(fig.add_subplot(grid[0]), order, pooled, style)
    if several:
        means = np.array([[scores[b][s].mean() for b in shown] for s in order])
        _rank_map(fig.add_subplot(grid[1]), order, shown, means)
    return fig


def generalisation(results: Results) -> Figure | None:
    """Return validation truth against test of the final incumbents; None without a test split."""
    shown = [b for b in results.benchmarks if results.meta["benchmarks"][b]["test"]]
    if not shown or results.final["incumbent_test"].isna().all():
        return None
    columns = min(_COLUMNS, len(shown))
    rows = -(-len(shown) // columns)
    fig = figure(9.6, 2.9 * rows + 0.1 * max(len(results.strategies) - 8, 0))
    style = looks(results.strategies)
    for i, bench in enumerate(shown):
        ax = fig.add_subplot(rows, columns, i + 1)
        final = results.final[results.final["benchmark"] == bench]
        for strategy, look in style.items():
            mine = final[final["strategy"] == strategy]
            x, y = mine["incumbent_truth_own"], mine["incumbent_test"]
            ax.plot(x, y, look.marker, color=look.colour, ms=5, alpha=0.85, label=strategy, mew=0)
        facts = results.meta["benchmarks"][bench]
        ax.set(title=bench, xlabel=_axis(facts["metric"]), ylabel=_axis(facts["test"]))
    add_legend(fig, ax)
    return fig


def curves(
    results: Results, bench: str, strategy: str, axis: str, column: str = "regret"
) -> tuple[Floats, Floats]:
    """Return a grid, ``(t,)``, and a column of the incumbents on it, ``(runs, t)``.

    The grid starts where every run has an incumbent; a run that ended early keeps its last one. Of
    more than 200 points so many are left, evenly spread (of seconds, on a logarithmic scale).
    """
    trials = results.trials
    mine = trials[(trials["benchmark"] == bench) & (trials["strategy"] == strategy)]
    mine = mine[mine["run"].isin(results.final["run"]) & mine[column].notna()]
    runs = [(r[axis].to_numpy(), r[column].to_numpy(np.float64)) for _, r in mine.groupby("run")]
    if not runs:
        return np.empty(0), np.empty((0, 0))
    start, end = max(x[0] for x, _ in runs), max(x[-1] for x, _ in runs)
    if axis == "query":
        grid = np.unique(np.linspace(start, end, min(_POINTS, int(end - start) + 1)).round())
    else:
        grid = np.geomspace(max(start, 1e-9), max(end, 1e-9), _POINTS)
    # A start or end must not be missed by a rounding of geomspace.
    points = np.maximum(grid * (1 + 1e-12), start)
    return grid.astype(np.float64), np.array([anytime_regret(x, y, points) for x, y in runs])


def _panel(
    ax: Axes, facts: Mapping[str, Any], numbers: pd.DataFrame, axis: str, style: Mapping[str, Look]
) -> None:
    reference = facts["optimum"] - facts["random_mean"]
    lowest, highest = reference, 0.0
    for strategy, mine in numbers.groupby("strategy", sort=False):
        look, grid, middle = style[str(strategy)], mine["at"], mine["mean"].to_numpy()
        floor = middle[middle > 0].min(initial=reference)
        lowest, highest = min(lowest, floor), max(highest, middle.max())
        low = np.maximum(mine["low"], floor / 3)
        ax.fill_between(grid, low, mine["high"], color=look.colour, alpha=0.16, lw=0)
        every = max(1, len(grid) // 6)
        ax.plot(
            grid, middle, color=look.colour, label=strategy,
            marker=look.marker, markevery=(every // 2, every), ms=4,
        )  # fmt: skip
    highest = highest or reference
    # Where a few architectures are very bad (fcnet), the mean random one would dwarf the rest.
    if reference < 5 * highest:
        ax.axhline(reference, ls=":", lw=1, color="#888888", label="mean random architecture")
        highest = max(highest, reference)
    ax.set_yscale("log")
    ax.set_ylim(lowest / 1.5, highest * 1.2)
    _plain_ticks(ax)
    unit = unit_of_differences(facts["metric"]["unit"]).replace("percentage", "%")
    ax.set_ylabel(f"regret ({unit})" if unit else "regret")
    if axis == "query":
        ax.set_xlabel("queries")
    else:
        ax.set_xscale("log")
        powers_of_ten(ax.xaxis)
        ax.set_xlabel("simulated seconds")


def add_legend(fig: Figure, *axes: Axes) -> None:
    """Put one legend below all panels, with whatever is drawn in any of them."""
    found: dict[str, Any] = {}
    for ax in axes:
        handles, labels = ax.get_legend_handles_labels()
        found = dict(zip(labels, handles, strict=True)) | found
    longest = max(map(len, found), default=0)
    columns = min(max(_LEGEND // (longest + _HANDLE), 1), 4)
    fig.legend(
        found.values(), found.keys(), loc="outside lower center", ncols=columns, fontsize=8.5
    )


_LEGEND = 150
_HANDLE = 9
"""Letters that fit side by side below a figure, and that a line and its gap take the place of."""


def _plain_ticks(ax: Axes) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    ax.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=6))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g}"))
    ax.yaxis.set_minor_formatter(NullFormatter())


def _dots(
    ax: Axes, order: list[str], pooled: Mapping[str, Interval], style: Mapping[str, Look]
) -> None:
    for i, strategy in enumerate(order):
        value, look = pooled[strategy], style[strategy]
        ax.plot([value.low, value.high], [i, i], color=look.colour, lw=2.2)
        ax.plot(value.estimate, i, look.marker, color=look.colour, ms=7)
        ax.annotate(
            f"{value.estimate:.3f}", (value.estimate, i), xytext=(0, 6),
            textcoords="offset points", ha="center", fontsize=8,
        )  # fmt: skip
    ax.set_yticks(range(len(order)), order)
    ax.set_ylim(len(order) - 0.5, -0.7)
    ax.set_xlabel("normalised score; 1 is the optimum")
    ax.grid(axis="x", color="#888888", alpha=0.25)


def _rank_map(ax: Axes, order: list[str], shown: list[str], means: Floats) -> None:
    ranks = pd.DataFrame(means, columns=shown).rank(ascending=False, axis=0).to_numpy()
    overall = mean_ranks(means)
    last = len(order)
    ax.imshow(ranks, cmap="Blues_r", vmin=0, vmax=1.25 * last, aspect="auto")
    for (i, j), rank in np.ndenumerate(ranks):
        ink = "#ffffff" if rank < 0.55 * last else "#000000"
        ax.text(j, i, f"{rank:g}", ha="center", va="center", fontsize=9, color=ink)
    turned = 20 if len(shown) < 5 else 55
    ax.set_xticks(range(len(shown)), shown, fontsize=8, rotation=turned, ha="right")
    ax.set_yticks(range(len(order)), [f"mean {r:.1f}" for r in overall])
    ax.set_title("rank on each benchmark")
    ax.tick_params(length=0)
    for spine in ax.spines.values():
        spine.set_visible(False)


def _axis(metric: Mapping[str, Any]) -> str:
    unit = f" ({metric['unit']})" if metric["unit"] else ""
    return f"{metric['name']}{unit}, {metric['split']}"
