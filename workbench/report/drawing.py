"""A figure of a page: what it shows, how to read it, and its numbers to take away."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from workbench.report.render import link
from workbench.report.style import svg

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


class Shown(NamedTuple):
    """A figure as pages show it: ``picture`` is an SVG element, ``link`` its numbers as CSV."""

    title: str
    picture: str
    caption: str
    name: str
    link: str


class Drawing(NamedTuple):
    """A figure with a short name, a title, a caption that says how to read it, and its numbers."""

    name: str
    title: str
    figure: Figure
    caption: str
    numbers: pd.DataFrame

    def shown(self) -> Shown:
        """Return the figure as pages show it."""
        picture = svg(self.figure, f"{self.title}. {self.caption}", self.name)
        numbers = link(csv_text(self.numbers), "text/csv")
        return Shown(self.title, picture, self.caption, self.name, numbers)


def there(drawn: Iterable[tuple[str, str, Figure | None, str, pd.DataFrame]]) -> list[Drawing]:
    """Return the drawings of which there is a figure; of several of one name, numbered ones."""
    found: list[Drawing] = []
    for name, title, figure, caption, numbers in drawn:
        if figure is not None:
            same = sum(other.name.partition("-")[0] == name for other in found)
            unique = f"{name}-{same + 1}" if same else name
            found.append(Drawing(unique, title, figure, caption, numbers))
    return found


def csv_text(numbers: pd.DataFrame) -> str:
    """Return numbers as CSV, six significant digits."""
    return str(numbers.to_csv(index=False, float_format="%.6g", lineterminator="\n"))
