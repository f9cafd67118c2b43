"""The tables of a page, read off the page itself, for LaTeX and CSV."""

from __future__ import annotations

import csv
import io
import re
from html.parser import HTMLParser
from typing import NamedTuple


class Table(NamedTuple):
    """A table: under which section it stands, its caption, names of columns, and rows of text."""

    section: str
    caption: str
    columns: list[str]
    rows: list[list[str]]

    @property
    def name(self) -> str:
        """A name for a file."""
        words = f"{self.section} {self.caption.partition(':')[0]}".lower()
        return re.sub(r"[^a-z0-9]+", "-", words).strip("-")[:80].rstrip("-")

    def csv(self) -> str:
        """Return the table as CSV; intervals are two columns, called after the one before them."""
        text = io.StringIO()
        columns: list[tuple[str, ...]] = []
        for i, (name, *cells) in enumerate(zip(self.columns, *self.rows, strict=True)):
            ends = _ends(cells)
            of = self.columns[max(i - 1, 0)]
            named = [(f"{of}, low", *ends[0]), (f"{of}, high", *ends[1])] if ends else []
            columns += named or [(name, *cells)]
        csv.writer(text, lineterminator="\n").writerows(zip(*columns, strict=True))
        return text.getvalue()

    def latex(self) -> str:
        """Return the table in LaTeX, for the package booktabs, captioned and labelled."""
        columns = "l" + "r" * (len(self.columns) - 1)
        lines = [" & ".join(map(latex_text, row)) + r" \\" for row in self.rows]
        said = ". ".join(filter(None, [self.section, self.caption]))
        return "\n".join(
            [
                r"\begin{table}",
                r"\centering",
                rf"\caption{{{latex_text(said)}}}",
                rf"\label{{tab:{self.name}}}",
                rf"\begin{{tabular}}{{{columns}}}",
                r"\toprule",
                " & ".join(map(latex_text, self.columns)) + r" \\",
                r"\midrule",
                *lines,
                r"\bottomrule",
                r"\end{tabular}",
                r"\end{table}",
                "",
            ]
        )


def tables_of(page: str) -> list[Table]:
    """Return the tables of a page that have names of columns, in their order, by unique names."""
    reader = _Reader()
    reader.feed(page)
    found: dict[str, Table] = {}
    for table in reader.tables:
        unique, count = table, 1
        while unique.name in found:
            count += 1
            unique = table._replace(section=f"{table.section} {count}")
        found[unique.name] = unique
    return list(found.values())


_INTERVAL = re.compile(r"([-+\d.,e]+) to ([-+\d.,e∞]+)|\N{EN DASH}()()")
"""A cell that holds an interval, or that there is none."""


def _ends(cells: list[str]) -> list[list[str]]:
    """Return both ends of a column of intervals; nothing of any other column."""
    found = [match.groups("") for cell in cells if (match := _INTERVAL.fullmatch(cell))]
    if len(found) < len(cells) or not any(low for low, *_ in found):
        return []
    return [[low for low, *_ in found], [high for _, high, *_ in found]]


_LATEX = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#",
    "%": r"\%", "_": r"\_", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "∞": r"$\infty$", "±": r"$\pm$",
    "\N{EN DASH}": "--",
}  # fmt: skip


def latex_text(text: str) -> str:
    """Return text with what LaTeX would take for commands as letters."""
    return "".join(_LATEX.get(letter, letter) for letter in text)


class _Reader(HTMLParser):
    """Collects tables; a caption is the heading within a section, and that of the table.

    A table without one has the summary of what is folded around it, which says what it is of, but
    not one that asks to open it, and may say how much there is.
    """

    def __init__(self) -> None:
        super().__init__()
        self.tables: list[Table] = []
        self._texts = {"h2": "", "h3": "", "summary": "", "caption": ""}
        self._into: str | None = None
        self._head: list[str] = []
        self._rows: list[list[str]] = []
        self._cells: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002
        if tag == "table":
            self._head, self._rows, self._texts["caption"] = [], [], ""
        elif tag == "tr":
            self._cells = []
        elif tag in ("th", "td") and self._cells is not None:
            self._cells.append("")
        elif tag in self._texts:
            self._texts[tag], self._into = "", tag
            if tag == "h2":
                self._texts["h3"] = ""

    def handle_data(self, data: str) -> None:
        if self._into:
            self._texts[self._into] += data
        elif self._cells:
            self._cells[-1] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == self._into:
            self._into = None
        elif tag == "tr" and self._cells is not None:
            self._rows.append([" ".join(cell.split()) for cell in self._cells])
            self._cells = None
        elif tag == "thead":
            self._head, self._rows = self._rows[0], []
        elif tag == "details":
            self._texts["summary"] = ""
        elif tag == "table" and self._head:
            self.tables.append(Table(self._texts["h2"], self._caption(), self._head, self._rows))

    def _caption(self) -> str:
        summary = self._texts["summary"]
        own = self._texts["caption"] or ("" if summary.startswith("Show ") else summary)
        return ". ".join(filter(None, [self._texts["h3"], own]))
