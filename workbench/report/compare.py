"""Several studies side by side: what they share, what each found, and where they differ."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from workbench.errors import StudyError
from workbench.harness.store import read_meta
from workbench.harness.study import stored_study
from workbench.report.citations import joined
from workbench.report.drawing import Drawing
from workbench.report.numbers import budgets
from workbench.report.render import write_page
from workbench.report.style import shared
from workbench.report.tables import Table, tables_of
from workbench.report.write import Made, make


class Column(NamedTuple):
    """A study in the comparison; ``figure`` is its drawing's name, ``table`` its first table."""

    label: str
    folder: str
    kind: str
    verdict: list[str]
    figure: str | None
    table: Table | None


def make_comparison(folders: Sequence[Path], out: Path) -> Made:
    """Write the reports of several study folders, and into ``out`` one page of all of them.

    What is compared looks the same in all of these.

    Raises
    ------
    StudyError
        ``out``, or the same folder twice, is among the folders.
    StoreError
        A folder holds no study.
    """
    places = [folder.resolve() for folder in folders]
    if out.resolve() in places or len({*places}) < len(places):
        raise StudyError(
            f"{', '.join(map(str, folders))} with --out {out}: name each study folder once, and"
            " another folder for the comparison"
        )
    metas = [read_meta(folder) for folder in folders]
    out.mkdir(parents=True, exist_ok=True)
    labels = _labels([meta["study"]["name"] for meta in metas])
    with shared(entry.label for meta in metas for entry in stored_study(meta["study"]).entries):
        made = dict(zip(labels, map(make, folders), strict=True))
    by_label = dict(zip(labels, metas, strict=True))
    drawings = [_first(label, one) for label, one in made.items() if one.drawings]
    shown = {
        "studies": [
            _column(label, str(folder), by_label[label], made[label])
            for label, folder in zip(labels, folders, strict=True)
        ],
        "verdict": _verdict(made),
        "drawings": drawings,
        "shared": _shared(by_label),
        "differing": _differing(by_label),
        "scores": _scores(by_label, {label: one.summary for label, one in made.items()}),
        "bibliography": joined([one.content["bibliography"] for one in made.values()]),
    }
    summary = {label: one.summary for label, one in made.items()}
    return Made(write_page(out, "comparison.html", shown), summary, shown)


def _labels(names: Sequence[str]) -> list[str]:
    """Return the names of the studies, numbered where several have one."""
    seen: dict[str, int] = {}
    found = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        found.append(f"{name} ({seen[name]})" if names.count(name) > 1 else name)
    return found


def _verdict(made: Mapping[str, Made]) -> list[str]:
    return [f"{label}: {one.content['verdict'][0]}" for label, one in made.items()]


def _first(label: str, made: Made) -> Drawing:
    """Return the first figure of a study, named and titled so that it differs from the others."""
    drawing = made.drawings[0]
    name = re.sub(r"[^a-z0-9]+", "-", f"{label} {drawing.name}".lower())
    return drawing._replace(name=name, title=f"{label}: {drawing.title}")


def _column(label: str, folder: str, meta: Mapping[str, Any], made: Made) -> Column:
    tables = tables_of(made.report.read_text(encoding="utf-8"))
    figure = _first(label, made).name if made.drawings else None
    verdict = made.content["verdict"]
    return Column(label, folder, meta["study"]["kind"], verdict, figure, next(iter(tables), None))


class Shared(NamedTuple):
    """A benchmark, or something compared, and in which of the studies it stands."""

    what: str
    name: str
    studies: list[str]


def _shared(metas: Mapping[str, Mapping[str, Any]]) -> list[Shared]:
    found: dict[tuple[str, str], list[str]] = {}
    for label, meta in metas.items():
        study = stored_study(meta["study"])
        for bench in study.benchmarks:
            found.setdefault(("benchmark", bench.label), []).append(label)
        for entry in study.entries:
            found.setdefault((study.COMPARED, entry.label), []).append(label)
    rows = [Shared(what, name, studies) for (what, name), studies in found.items()]
    return sorted(rows, key=lambda row: (row.what != "benchmark", -len(row.studies)))


def _differing(metas: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, dict[str, str]]]:
    """Return what must be the same for numbers to be compared, and is not, by study."""
    asked: dict[str, Callable[[Mapping[str, Any]], str]] = {
        "kind": lambda m: m["study"]["kind"],
        "benchmarks": lambda m: ", ".join(b["label"] for b in m["study"]["benchmarks"]),
        "budget": lambda m: _budgets(m["study"]),
        "replicates": lambda m: str(m["study"].get("replicates", 1)),
        "workers": lambda m: str(m["study"].get("workers", 1)),
        "seed": lambda m: str(m["study"]["seed"]),
        "workbench": lambda m: m["provenance"]["workbench"],
        "processor": lambda m: m["provenance"]["cpu"],
    }
    rows = {what: {label: of(m) for label, m in metas.items()} for what, of in asked.items()}
    for label, meta in metas.items():
        for name, digest in meta["fingerprint"].items():
            if digest:
                rows.setdefault(f"contents of {name}", {})[label] = digest[:12]
    return [(what, by) for what, by in rows.items() if len({*by.values()}) > 1]


def _budgets(study: Mapping[str, Any]) -> str:
    return ", ".join(dict.fromkeys(map(_words, budgets(study).values())))


def _words(budget: Mapping[str, Any] | None) -> str:
    given = [f"{value:,g} {what}" for what, value in (budget or {}).items() if value]
    return " or ".join(given) or "none"


def _scores(
    metas: Mapping[str, Mapping[str, Any]], summaries: Mapping[str, Mapping[str, Any]]
) -> list[tuple[str, list[str], list[tuple[str, list[Any]]]]]:
    """Return, of benchmarks in two studies of strategies or more, their scores side by side.

    A benchmark, the labels of the studies that have it, and a row a strategy: its score in each.
    """
    kinds = [label for label, meta in metas.items() if meta["study"]["kind"] == "strategies"]
    found = []
    for bench in dict.fromkeys(b for label in kinds for b in summaries[label]["benchmarks"]):
        having = [x for x in metas if x in kinds and bench in summaries[x]["benchmarks"]]
        if len(having) < 2:
            continue
        of = [summaries[label]["benchmarks"][bench]["strategies"] for label in having]
        names = dict.fromkeys(name for by in of for name in by)
        rows = [(name, [by.get(name, {}).get("score") for by in of]) for name in names]
        found.append((bench, having, rows))
    return found
