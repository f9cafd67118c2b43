"""One look for all figures: colour-blind safe, the same colour and marker for a strategy always.

Colours are those of Okabe and Ito, brown and grey for two of them, then three of Paul Tol's and a
violet; all are seen on white and on black. Text and axes take the colour of the page around them,
so that one picture serves light and dark.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

COLOURS = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C6D31", "#7F7F7F",
    "#AA4499", "#999933", "#EE6677", "#7B5FD0",
)  # fmt: skip
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
_FILLS = ("full", "none", "left", "top", "right", "bottom")
_UNIT = 0.8
INK = "#010203"
"""A colour that nothing else has; ``svg`` replaces it by the page's own."""


class Look(NamedTuple):
    """How a strategy is drawn."""

    colour: str
    marker: str


def looks(names: Sequence[str]) -> dict[str, Look]:
    """Return a look for each name, by its position in the study, or among those ``shared``."""
    many, places = len(COLOURS), list(dict.fromkeys([*_shared.get(), *names]))
    return {
        name: Look(COLOURS[i % many], _MARKERS[(i + i // many) % len(_MARKERS)])
        for i, name in enumerate(places)
        if name in names
    }


@contextmanager
def shared(names: Iterable[str]) -> Iterator[None]:
    """Give names the looks of their places among these while it lasts, in whatever is drawn."""
    before = _shared.set(tuple(names))
    try:
        yield
    finally:
        _shared.reset(before)


_shared: ContextVar[tuple[str, ...]] = ContextVar("shared", default=())


def shapes(names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return for what is not compared, such as benchmarks, markers in ink, as ``plot`` takes them.

    Colours are those of what is compared.
    """
    many = len(_MARKERS)
    return {
        name: {"marker": _MARKERS[i % many], "fillstyle": _FILLS[i // many % len(_FILLS)]}
        | {"color": INK, "linestyle": "none", "alpha": 0.7}
        for i, name in enumerate(names)
    }


def figure(width: float, height: float) -> Figure:
    """Return an empty figure in the common style, sizes in units of a text of 9 points.

    One is four fifths of an inch, so that text is still read at half a page's width.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    mpl.rcParams.update(
        {
            "svg.fonttype": "none",
            "pdf.fonttype": 42,
            "text.parse_math": False,
            "svg.hashsalt": "nas-workbench",
            "font.family": "sans-serif",
            "font.size": 9,
            "axes.titlesize": 9.5,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.edgecolor": INK,
            "axes.labelcolor": INK,
            "axes.titlecolor": INK,
            "text.color": INK,
            "xtick.color": INK,
            "ytick.color": INK,
            "legend.frameon": False,
            "lines.linewidth": 1.6,
        }
    )
    return Figure(figsize=(_UNIT * width, _UNIT * height), layout="constrained")


def powers_of_ten(axis: Axis) -> None:
    """Write the powers of ten of a logarithmic axis, of many decades, and nothing between."""
    from matplotlib.ticker import LogLocator

    plain_log_ticks(axis)
    axis.set_major_locator(LogLocator(subs=(1.0,), numticks=9))


def plain_log_ticks(*axes: Axis) -> None:
    """Write what is marked on logarithmic axes as plain numbers, thousands with a prefix."""
    from matplotlib.ticker import EngFormatter, FuncFormatter, LogLocator, NullFormatter

    large = EngFormatter(sep="")
    for axis in axes:
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=6))
        axis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g}" if v < 1 else large(v)))
        axis.set_minor_formatter(NullFormatter())


def svg(fig: Figure, title: str, prefix: str) -> str:
    """Return a figure as an SVG element with a text alternative, in the page's own ink.

    ``prefix`` goes before every id, so that the pictures of a page do not share any.
    """
    buffer = io.StringIO()
    fig.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :].replace(INK, "currentColor")
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{prefix}-", text)
    label = title.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    opening = f'<svg role="img" aria-label="{label}" '
    text = re.sub(r'<svg (?:width="[^"]*"|height="[^"]*"|\s)*', opening, text, count=1)
    return re.sub(r'(<svg[^>]*?) (?:width|height)="[^"]*pt"', r"\1", text, count=2)
