"""From a template and what it shows to ``report.html``: one file that asks nobody for anything."""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import pandas as pd

from workbench.harness.energy import ENERGY
from workbench.harness.study import stored_study
from workbench.report.checklist import practices
from workbench.report.citations import Bibliography, bibliography, with_statistics
from workbench.statistics.bootstrap import Interval


def write_page(folder: Path, template: str, content: Mapping[str, Any]) -> Path:
    """Write ``report.html`` into a study folder and return its path.

    ``content`` is what the template shows, and its ``drawings``.
    """
    path = folder / "report.html"
    figures = [drawing.shown() for drawing in content["drawings"]]
    write_text(path, with_contents(_rendered(template, content, figures)) + "\n")
    return path


def cited(template: str, content: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a page shows, its bibliography with the statistics that the page names."""
    bare = {**content, "bibliography": Bibliography([], "")}
    captions = [f"{drawing.title}. {drawing.caption}" for drawing in content["drawings"]]
    page = "\n".join([_rendered(template, bare, []), *captions])
    return {**content, "bibliography": with_statistics(content["bibliography"], page)}


def _rendered(template: str, content: Mapping[str, Any], figures: Sequence[Any]) -> str:
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        loader=FunctionLoader(_template),
    )
    environment.filters["number"] = number
    environment.filters["fixed"] = fixed
    environment.filters |= {"link": link, "between": between, "open_end": open_end}
    environment.filters["breaks"] = breaks
    return environment.get_template(template).render(**content, figures=figures)


def with_contents(page: str) -> str:
    """Return a page with a list of its sections, and what scrolls within reach of the keyboard."""
    sections: dict[str, str] = {}

    def named(match: re.Match[str]) -> str:
        words = re.sub(r"<[^>]*>", "", match[2])
        slug = match[1] or re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-")
        sections[slug] = words
        return f'<h2 id="{slug}">{match[2]}</h2>'

    page = re.sub(r'<h2(?: id="([^"]*)")?>(.*?)</h2>', named, page)
    items = "".join(f'<li><a href="#{slug}">{words}</a></li>\n' for slug, words in sections.items())
    nav = f'<nav aria-label="Contents">\n<ul>\n{items}</ul>\n</nav>'
    scroll = '<div class="scroll" tabindex="0" role="group" aria-label="Wide table">'
    return page.replace("<!-- contents -->", nav, 1).replace('<div class="scroll">', scroll)


def common(meta: Mapping[str, Any], runs: pd.DataFrame, what: str) -> dict[str, Any]:
    """Return what pages of every kind show: the study, where it ran, what failed."""
    failed = runs[runs["error"].notna()]
    columns = ["benchmark", what, "replicate", "error"]
    return {
        "study": meta["study"],
        "provenance": meta["provenance"],
        "energy": meta.get(ENERGY),
        "took": {
            "runs": len(runs),
            "wall": float(runs["wall"].sum()),
            "cpu": float(runs["cpu"].sum()),
            "hosts": sorted(runs["host"].unique()),
        },
        "fingerprint": meta["fingerprint"],
        "study_json": stored_study(meta["study"]).compact(),
        "warnings": warnings_of(meta),
        "practices": practices(meta),
        "bibliography": bibliography(meta),
        "failures": list(failed[columns].itertuples(index=False, name=None)),
    }


def write_text(path: Path, text: str) -> None:
    """Write a text file so that a reader sees the old or the new one, never a part."""
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


def warnings_of(meta: Mapping[str, Any]) -> list[str]:
    """Return what may make the numbers differ when they are computed again."""
    provenance = meta["provenance"]
    said = [f"{words}; numbers may differ." for words in provenance.get("mixed", ())]
    if provenance.get("git") and not provenance["git"]["clean"]:
        said.append("The workbench had uncommitted changes: this commit alone may not repeat it.")
    return said


def link(text: str, kind: str) -> str:
    """Return a link that holds a file of a media type such as ``text/csv``."""
    return f"data:{kind};charset=utf-8;base64,{base64.b64encode(text.encode()).decode()}"


def breaks(text: str) -> Any:
    """Return text as markup that may go on in a new line behind each ``|`` of an architecture."""
    from markupsafe import Markup, escape

    return escape(text).replace("|", Markup("|<wbr>"))


def parameters_text(values: Mapping[str, Any]) -> str:
    """Return parameters as text, by name."""
    found = (f"{k} = {json.dumps(v, default=repr)}" for k, v in sorted(values.items()))
    return ", ".join(found) or "none"


def number(value: float | None, digits: int = 4) -> str:
    """Return a number with so many significant digits, a dash for what is not known."""
    if value is None or not math.isfinite(value):
        return "–"  # noqa: RUF001
    if float(value).is_integer() and abs(value) < 10**9:
        return f"{int(value):,}"
    if value != 0 and (abs(value) >= 10**9 or abs(value) < 1e-4):
        return f"{value:.{digits - 1}e}"
    places = max(0, digits - 1 - math.floor(math.log10(abs(value)))) if value else 0
    return f"{value:,.{min(places, 6)}f}"


def fixed(value: float | None) -> str:
    """Return a number with three decimals, a dash for what is not known."""
    return number(value) if value is None or not math.isfinite(value) else f"{value:.3f}"


def between(value: Interval, places: int) -> str:
    """Return the ends of an interval, a dash where there is none."""
    if math.isnan(value.low):
        return number(None)
    return f"{value.low:.{places}f} to {value.high:.{places}f}"


def open_end(value: float, digits: int) -> str:
    """Return a number as ``number`` does, that without bound as such."""
    return "∞" if value == math.inf else number(value, digits)


def _template(name: str) -> str:
    return files("workbench.report").joinpath(name).read_text(encoding="utf-8")
