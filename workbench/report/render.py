"""From a template and what it shows to ``report.html``: one file, no network, no script."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import pandas as pd

from workbench.harness.energy import ENERGY
from workbench.harness.study import stored_study


def write_page(folder: Path, template: str, content: Mapping[str, Any]) -> Path:
    """Write ``report.html`` into a study folder and return its path."""
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        loader=FunctionLoader(_template),
    )
    environment.filters["number"] = number
    environment.filters["fixed"] = fixed
    path = folder / "report.html"
    write_text(path, environment.get_template(template).render(**content) + "\n")
    return path


def common(meta: Mapping[str, Any], runs: pd.DataFrame, what: str) -> dict[str, Any]:
    """Return what pages of every kind show: the study, where it ran, what failed."""
    failed = runs[runs["error"].notna()]
    columns = ["benchmark", what, "replicate", "error"]
    return {
        "study": meta["study"],
        "provenance": meta["provenance"],
        "energy": meta.get(ENERGY),
        "fingerprint": meta["fingerprint"],
        "study_json": stored_study(meta["study"]).compact(),
        "failures": list(failed[columns].itertuples(index=False, name=None)),
    }


def write_text(path: Path, text: str) -> None:
    """Write a text file so that a reader sees the old or the new one, never a part."""
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


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


def _template(name: str) -> str:
    return files("workbench.report").joinpath(name).read_text(encoding="utf-8")
