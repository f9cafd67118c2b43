"""A report in other forms: for a paper, for a spreadsheet, for a printer."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

from workbench.errors import UnknownName
from workbench.report.compare import make_comparison
from workbench.report.drawing import csv_text
from workbench.report.printing import print_page
from workbench.report.render import write_text
from workbench.report.tables import tables_of
from workbench.report.write import Made, make

Format = Literal["html", "pdf", "latex", "csv", "json"]
FORMATS: tuple[str, ...] = get_args(Format)


class Report(NamedTuple):
    """What was written where, and what it says."""

    paths: list[Path]
    verdict: list[str]
    summary: dict[str, Any]


def report(folders: Sequence[Path], form: str = "html", out: Path | None = None) -> Report:
    """Write the report of a study folder, or of several side by side, in a form.

    Parameters
    ----------
    folders : sequence of Path
        Of one, results are written into it as ever; of several, into ``out`` alone.
    form : str
        ``html``, ``pdf``; ``latex``: tables for booktabs, figures as PDF and SVG, and the BibTeX
        file; ``csv``: all tables and the numbers of all figures; ``json``: the summary.
    out : Path
        The folder to write into. Default: the study's own; of several, ``comparison``.

    Raises
    ------
    UnknownName
        There is no such form.
    StoreError
        A folder holds no study.
    DataMissing
        A PDF is asked for where there is no browser.
    """
    if form not in _WRITERS:
        raise UnknownName("format", form, FORMATS)
    into = out or (folders[0] if len(folders) == 1 else Path("comparison"))
    made = make(folders[0]) if len(folders) == 1 else make_comparison(folders, into)
    into.mkdir(parents=True, exist_ok=True)
    return Report(_WRITERS[form](made, into), made.content["verdict"], made.summary)


def _html(made: Made, into: Path) -> list[Path]:
    path = into / "report.html"
    if path.resolve() != made.report.resolve():
        write_text(path, made.report.read_text(encoding="utf-8"))
    return [path]


def _pdf(made: Made, into: Path) -> list[Path]:
    path = into / "report.pdf"
    print_page(made.report, path)
    return [path]


def _latex(made: Made, into: Path) -> list[Path]:
    folder = into / "latex"
    folder.mkdir(exist_ok=True)
    for table in tables_of(made.report.read_text(encoding="utf-8")):
        write_text(folder / f"table-{table.name}.tex", table.latex())
    for drawing in made.drawings:
        for ending in ("pdf", "svg"):
            drawing.figure.savefig(
                folder / f"figure-{drawing.name}.{ending}",
                metadata={"CreationDate" if ending == "pdf" else "Date": None},
            )
    write_text(folder / "references.bib", made.content["bibliography"].bibtex + "\n")
    return sorted(folder.iterdir())


def _csv(made: Made, into: Path) -> list[Path]:
    folder = into / "csv"
    folder.mkdir(exist_ok=True)
    for table in tables_of(made.report.read_text(encoding="utf-8")):
        write_text(folder / f"table-{table.name}.csv", table.csv())
    for drawing in made.drawings:
        write_text(folder / f"figure-{drawing.name}.csv", csv_text(drawing.numbers))
    return sorted(folder.iterdir())


def _json(made: Made, into: Path) -> list[Path]:
    path = into / "summary.json"
    write_text(path, json.dumps(made.summary, indent=1, sort_keys=True) + "\n")
    return [path]


_WRITERS: dict[str, Callable[[Made, Path], list[Path]]] = {
    "html": _html,
    "pdf": _pdf,
    "latex": _latex,
    "csv": _csv,
    "json": _json,
}
