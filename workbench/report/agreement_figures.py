"""The figures of a comparison of proxies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workbench.harness.proxy_runner import ALL, SECONDS, TOP
from workbench.report.agreement import Agreement
from workbench.report.figures import add_legend
from workbench.report.style import INK, figure, looks, powers_of_ten

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_GREY = "#888888"
_ABOVE = "#0072B2"
_BELOW = "#D55E00"
_COLUMNS = 3


def heat_map(found: Agreement) -> Figure | None:
    """Return Spearman correlations of every proxy on every benchmark: of all, and of the best."""
    if found.measures.empty:
        return None
    fig = figure(9.6, 0.27 * len(found.order) + 2.2)
    panels = fig.subplots(1, 2, sharey=True)
    titles = ("all architectures", f"the best {100 * found.study.top:.0f} %")
    for ax, of, title in zip(panels, (ALL, TOP), titles, strict=True):
        _cells(ax, found.means("spearman", of))
        ax.set_title(title)
    panels[0].set_yticks(range(len(found.order)), found.order)
    for label in panels[0].get_yticklabels():
        if label.get_text() in found.counts:
            label.set_fontweight("bold")
    return fig


def leads(found: Agreement) -> Figure | None:
    """Return by how much each proxy is above counting, with intervals; a panel a benchmark."""
    shown = found.benchmarks
    if not shown:
        return None
    columns = min(_COLUMNS, len(shown))
    rows = -(-len(shown) // columns)
    order = [label for label in found.order if label not in found.counts][::-1]
    fig = figure(9.6, rows * (0.2 * len(order) + 1) + 0.3)
    axes = np.ravel(fig.subplots(rows, columns, sharex=True, sharey=True, squeeze=False))
    for ax, bench in zip(axes, shown, strict=False):
        _lead(ax, found, bench, order)
    for ax in axes[len(shown) :]:
        ax.set_visible(False)
    return fig


def against_time(found: Agreement) -> Figure | None:
    """Return the correlation of each proxy against its seconds, where they are most and least."""
    seconds = found.means(SECONDS)
    if seconds.empty:
        return None
    total = seconds.sum().sort_values()
    shown = list(dict.fromkeys([str(total.index[0]), str(total.index[-1])]))
    fig = figure(9.6, 4.4)
    panels = np.ravel(fig.subplots(1, len(shown), sharey=True, squeeze=False))
    rho = found.means("spearman")
    style = looks(found.order)
    for ax, bench in zip(panels, shown, strict=True):
        for label in found.order:
            look = style[label]
            ax.plot(seconds[bench][label], rho[bench][label], look.marker, color=look.colour,
                    ms=7, label=label)  # fmt: skip
        ax.set(title=bench, xscale="log", xlabel="CPU seconds an architecture, alone")
        powers_of_ten(ax.xaxis)
        ax.grid(color=_GREY, alpha=0.2)
    panels[0].set_ylabel("Spearman correlation, all architectures")
    add_legend(fig, *panels)
    return fig


def _cells(ax: Axes, rho: pd.DataFrame) -> None:
    ax.imshow(rho, cmap="RdBu", vmin=-1, vmax=1, aspect="auto")
    for (i, j), value in np.ndenumerate(rho.to_numpy()):
        if np.isfinite(value):
            ink = "#ffffff" if abs(value) > 0.65 else "#000000"
            text = f"{value:.2f}".replace("0.", ".", 1)
            ax.text(j, i, text, ha="center", va="center", fontsize=8, color=ink)
    ax.set_xticks(range(len(rho.columns)), rho.columns, fontsize=8, rotation=35, ha="right")
    ax.tick_params(length=0)
    for spine in ax.spines.values():
        spine.set_visible(False)


def _lead(ax: Axes, found: Agreement, bench: str, order: list[str]) -> None:
    lead, low, high = (found.means(m)[bench][order] for m in ("lead", "lead_low", "lead_high"))
    colours = [_ABOVE if a > 0 else _BELOW if b < 0 else _GREY for a, b in zip(low, high)]  # noqa: B905
    ax.axvline(0, color=INK, lw=0.8)
    ax.hlines(range(len(order)), low, high, color=colours, lw=2)
    ax.scatter(lead, range(len(order)), color=colours, s=22, zorder=3)
    ax.set_yticks(range(len(order)), order, fontsize=8)
    ax.set_title(bench)
    ax.set_xlabel("Spearman above counting", fontsize=8)
    ax.grid(axis="x", color=_GREY, alpha=0.2)
