"""The figures of a comparison of predictors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from workbench import seeds
from workbench.report.figures import add_legend
from workbench.report.quality import Quality
from workbench.report.style import INK, Look, figure, looks, plain_log_ticks, shapes
from workbench.statistics.bootstrap import mean_bands

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HONEST = (0.80, 0.97)
"""What a 90 % interval may cover and still be called calibrated."""

_COLUMNS = 3
_SHOWN = 7
_GREY = "#888888"
_GRID = 160


def by_size(quality: Quality, order: Sequence[str]) -> Figure | None:
    """Return tau against training size, a panel a benchmark; the first of ``order`` stand out."""
    shown = [b for b in quality.benchmarks if len(quality.sizes(b)) > 1]
    if not shown:
        return None
    columns = min(_COLUMNS, len(shown))
    rows = -(-len(shown) // columns)
    fig = figure(9.6, 2.7 * rows + 0.7)
    style = {name: look for name, look in looks(order).items() if name in order[:_SHOWN]}
    axes = [fig.add_subplot(rows, columns, i + 1) for i in range(len(shown))]
    for ax, bench in zip(axes, shown, strict=True):
        _panel(ax, quality, bench, style)
    add_legend(fig, *axes)
    return fig


def against_cost(quality: Quality, bench: str, order: Sequence[str]) -> Figure | None:
    """Return tau against seconds of a fit and of a prediction, best trade-offs joined."""
    size = quality.reference
    tau = quality.means("tau", size)[bench].dropna().sort_values(ascending=False)
    if len(tau) < 2:
        return None
    fig = figure(9.6, max(3.6, 0.24 * len(tau) + 1.2))
    panels = fig.subplots(1, 2, sharey=True)
    words = ("CPU seconds of a fit", "CPU seconds of a prediction")
    for ax, metric, label in zip(panels, ("fit_seconds", "query_seconds"), words, strict=True):
        seconds = quality.means(metric, size)[bench][tau.index]
        front = _trade_off(ax, seconds, tau, looks(order))
        ax.set(xscale="log", xlabel=label)
        plain_log_ticks(ax.xaxis)
        ax.grid(color=_GREY, alpha=0.2)
    panels[0].set_ylabel(f"Kendall's tau at n = {size}")
    _name_points(panels[1], seconds, tau, front)
    _name_front(panels[0], quality.means("fit_seconds", size)[bench][tau.index], tau)
    return fig


def map_of_time(quality: Quality, bench: str, order: Sequence[str]) -> Figure | None:
    """Return which predictor is best for which time to set up and to ask; None: nothing to show.

    Setting up is the fit; in a second panel, where the benchmark knows its training time, also the
    training of the ``n`` architectures.
    """
    training = quality.meta["benchmarks"][bench]["mean_cost"]
    tau, fit, ask = (quality.of(m, bench) for m in ("tau", "fit_seconds", "query_seconds"))
    points = [
        _Point(
            label,
            size,
            float(np.nanmean(fit[label][size])),
            float(np.nanmean(ask[label][size])),
            float(np.nanmean(values)),
        )
        for label, by_size in tau.items()
        for size, values in by_size.items()
    ]
    if len(points) < 2:
        return None
    fig = figure(9.6, 4.6)
    panels = [fig.add_subplot(1, 2 if training else 1, 1)]
    _map(panels[0], points, 0.0, order)
    panels[0].set_xlabel("CPU seconds of the fit")
    if training:
        panels.append(fig.add_subplot(1, 2, 2, sharey=panels[0]))
        _map(panels[1], points, training, order)
        panels[1].set_xlabel("hours of training the training set, and of the fit")
    panels[0].set_ylabel("CPU seconds of a prediction")
    add_legend(fig, *panels)
    return fig


def tau_map(quality: Quality, order: Sequence[str]) -> Figure | None:
    """Return tau of every predictor on every benchmark at the reference size, best first."""
    tau = quality.means("tau", quality.reference).loc[list(order)]
    tau = tau.dropna(axis="columns", how="all")
    if tau.empty or len(order) < 2:
        return None
    ranks = tau.rank(ascending=False, axis=0).to_numpy()
    fig = figure(9.6, 0.27 * len(order) + 1.6)
    ax = fig.add_subplot()
    ax.imshow(ranks, cmap="Blues_r", vmin=0, vmax=1.25 * len(order), aspect="auto")
    for (i, j), value in np.ndenumerate(tau.to_numpy()):
        if np.isfinite(value):
            ink = "#ffffff" if ranks[i, j] < 0.55 * len(order) else "#000000"
            text = f"{value:.2f}".replace("0.", ".", 1)
            ax.text(j, i, text, ha="center", va="center", fontsize=8, color=ink)
    ax.set_xticks(range(len(tau.columns)), tau.columns, fontsize=8, rotation=35, ha="right")
    ax.set_yticks(range(len(order)), order)
    ax.tick_params(length=0)
    for spine in ax.spines.values():
        spine.set_visible(False)
    return fig


def coverage(quality: Quality) -> Figure | None:
    """Return what the 90 % intervals of each predictor cover at the reference size."""
    found = quality.means("coverage", quality.reference).dropna(how="all")
    if found.empty:
        return None
    found = found.loc[found.median(axis=1).sort_values().index]
    style = shapes(quality.benchmarks)
    fig = figure(9.6, 0.28 * len(found) + 1.5)
    ax = fig.add_subplot()
    ax.axvspan(*HONEST, color=_GREY, alpha=0.18, lw=0, label="80 to 97 %")
    ax.axvline(0.9, color=_GREY, lw=1)
    for bench in quality.benchmarks:
        ax.plot(found[bench], range(len(found)), ms=5, label=bench, **style[bench])
    ax.set_yticks(range(len(found)), found.index)
    ax.set_ylim(-0.6, len(found) - 0.4)
    ax.set_xlabel("part of the truth inside the 90 % intervals")
    ax.grid(axis="y", color=_GREY, alpha=0.2)
    add_legend(fig, ax)
    return fig


def test_sets(quality: Quality, bench: str) -> Figure | None:
    """Return tau on every test set, at the reference size; None where there is only one."""
    sets: list[str] = [*quality.study.test_sets]
    taus = {name: quality.means("tau", quality.reference, name)[bench].dropna() for name in sets}
    first = taus[quality.first_set].sort_values()
    if len(sets) < 2 or first.empty:
        return None
    style = shapes(sets)
    fig = figure(9.6, 0.26 * len(first) + 1.5)
    ax = fig.add_subplot()
    both = pd.DataFrame(taus).loc[first.index]
    ax.hlines(range(len(first)), both.min(axis=1), both.max(axis=1), color=_GREY, lw=1.2)
    for name in sets:
        ax.plot(both[name], range(len(first)), ms=6, label=name, **style[name])
    ax.set_yticks(range(len(first)), first.index)
    ax.set_ylim(-0.6, len(first) - 0.4)
    ax.set_xlabel(f"Kendall's tau at n = {quality.reference}, {bench}")
    ax.grid(axis="x", color=_GREY, alpha=0.2)
    add_legend(fig, ax)
    return fig


def _panel(ax: Axes, quality: Quality, bench: str, style: Mapping[str, Look]) -> None:
    found = quality.of("tau", bench)
    for label in [k for k in found if k not in style] + [k for k in style if k in found]:
        sizes = list(found[label])
        curves = np.stack([found[label][n] for n in sizes], axis=1)
        curves = curves[np.isfinite(curves).all(axis=1)]
        if not len(curves):
            continue
        rng = seeds.generator(quality.study.seed, bench, label, "tau", "bands")
        low, middle, high = mean_bands(curves, rng)
        look = style.get(label)
        if look is None:
            ax.plot(sizes, middle, color=_GREY, lw=0.8, alpha=0.6, label="the others")
            continue
        if len(curves) > 1:
            ax.fill_between(sizes, low, high, color=look.colour, alpha=0.18, lw=0)
        ax.plot(sizes, middle, color=look.colour, marker=look.marker, ms=4, label=label)
    ax.set(title=bench, xscale="log", xlabel="training architectures", ylabel="Kendall's tau")
    sizes = quality.sizes(bench)
    ax.set_xticks(sizes, [f"{n:,}" for n in sizes])
    ax.minorticks_off()
    ax.grid(axis="y", color=_GREY, alpha=0.2)


def _trade_off(
    ax: Axes, seconds: pd.Series, tau: pd.Series, style: Mapping[str, Look]
) -> list[str]:
    """Draw one point a predictor; join, and return, those that nothing beats in both."""
    front = _front(seconds, tau)
    ax.step(seconds[front], tau[front], where="post", color=INK, lw=1.2, zorder=1)
    for name, look in style.items():
        if name in tau:
            ax.plot(seconds[name], tau[name], look.marker, color=look.colour, label=name,
                    ms=7 if name in front else 5, zorder=2 + (name in front))  # fmt: skip
    return front


def _name_front(ax: Axes, seconds: pd.Series, tau: pd.Series) -> None:
    for name in _front(seconds, tau):
        ax.annotate(name, (seconds[name], tau[name]), xytext=(5, -9), textcoords="offset points",
                    fontsize=7, fontweight="bold")  # fmt: skip


def _front(seconds: pd.Series, tau: pd.Series) -> list[str]:
    """Return the names that nothing as quick beats, quickest first."""
    by_time = seconds.sort_values(kind="stable").index
    best = tau[by_time].cummax()
    return [str(name) for name in by_time if tau[name] >= best[name]]


def _name_points(ax: Axes, seconds: pd.Series, tau: pd.Series, front: Sequence[str]) -> None:
    """Write the names of all points at the right, evenly spaced, joined to their points."""
    low, high = float(tau.min()), float(tau.max())
    places = np.linspace(high, low, len(tau)) if high > low else np.full(len(tau), high)
    for name, place in zip(tau.index, places, strict=True):
        ax.annotate(
            str(name), (seconds[name], tau[name]), xytext=(1.03, place),
            textcoords=("axes fraction", "data"), fontsize=8, va="center",
            fontweight="bold" if name in front else "normal",
            arrowprops={"arrowstyle": "-", "lw": 0.4, "color": _GREY, "alpha": 0.7},
        )  # fmt: skip


class _Point(NamedTuple):
    label: str
    size: int
    fit: float
    ask: float
    tau: float


def _map(ax: Axes, points: list[_Point], training: float, order: Sequence[str]) -> None:
    """Colour what is best within each time; ``training`` is seconds of one architecture."""
    from matplotlib.colors import ListedColormap, to_rgb

    setup = np.array([p.size * training / 3600 + p.fit / (3600 if training else 1) for p in points])
    ask, tau = np.array([p.ask for p in points]), np.array([p.tau for p in points])
    across = np.geomspace(setup.min(), setup.max() * 1.5, _GRID)
    up = np.geomspace(ask.min(), ask.max() * 2, _GRID)
    usable = (setup <= across[:, None, None]) & (ask <= up[:, None])
    chosen = np.where(usable.any(-1), np.where(usable, tau, -np.inf).argmax(-1), -1)
    shown = {points[i].label for i in np.unique(chosen).tolist() if i >= 0}
    names = [name for name in order if name in shown]
    style = looks(order)
    all_of = [style[name].colour for name in order]
    again = [all_of[: order.index(name)].count(style[name].colour) for name in names]
    colours = [_lighter(to_rgb(style[n].colour), i) for n, i in zip(names, again, strict=True)]
    codes = np.array([*(names.index(p.label) if p.label in shown else -1 for p in points), -1])
    drawn = np.ma.masked_less(codes[chosen].T, 0)
    ax.pcolormesh(across, up, drawn, cmap=ListedColormap(colours), vmin=-0.5,
                  vmax=len(names) - 0.5, rasterized=True)  # fmt: skip
    for name, colour in zip(names, colours, strict=True):
        ax.plot([], [], "s", color=colour, ms=8, label=name)
    ax.set(xscale="log", yscale="log")
    plain_log_ticks(ax.xaxis, ax.yaxis)


def _lighter(colour: tuple[float, float, float], times: int) -> tuple[float, float, float]:
    r, g, b = (1 - (1 - c) * 0.55**times for c in colour)
    return r, g, b
