"""How to cite what a study used: BibTeX, from where the sources stand already.

Papers stand in the docstrings of plug-ins in one form, authors, title in quotes, venue, year and
arXiv number, so that a plug-in brings its own; so they do in those of statistics, which are cited
where a page names them; benchmarks have theirs in their cards. Docstrings give family names alone,
and so do these entries.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from types import ModuleType
from typing import Any, NamedTuple

from workbench import registry
from workbench.data._packaged import card
from workbench.errors import WorkbenchError
from workbench.registry import Family

_WORD = r"[A-Z][\w'-]*"
_NAME = rf"(?!(?:As|In|By|The|With|From|See) )(?:(?:van|von|de|der) )*{_WORD}(?: {_WORD})*"
_PAPER = re.compile(rf'((?:{_NAME}, )*{_NAME}(?: and {_NAME}| et al\.)?), "([^"]+?),?"')
_YEAR = re.compile(r"\b(?:19|20)\d\d\b")
_ARXIV = re.compile(r"arXiv:([a-z-]+/\d+|\d{4}\.\d{4,5})")
_SMALL = {"a", "an", "the", "on", "of", "do", "how", "is", "in", "to", "for"}

_NAMED: dict[str, Family] = {
    "predictor": "predictors",
    "encoding": "encodings",
    "extrapolator": "extrapolators",
    "proposer": "strategies",
    "proxies": "proxies",
}
"""Parameters that name plug-ins."""

_STATISTICS = (
    *(f"workbench.statistics.{name}" for name in (
        "bootstrap", "improvement", "profiles", "runlength", "comparison", "paired", "friedman",
        "bayesian", "planning",
    )),
    "workbench.report.agreement",
    "workbench.report.checklist",
)  # fmt: skip
"""Modules that compute or show what a page says beside the methods."""

_CALLED = {
    "Agarwal": "interquartile mean|stratified|[Pp]robability of improvement",
    "Efron": "bootstrap interval",
    "Dolan": "[Pp]erformance profile",
    "Hansen": "[Rr]unning time|How soon runs come close",
    "Demsar": "critical.difference|Nemenyi",
    "Benavoli": "Bayesian signed-rank",
}
"""By what words a page names the papers of an author; those of others by the author's name."""


class Reference(NamedTuple):
    """A paper; ``authors`` are family names, ``others`` says that there are more."""

    authors: tuple[str, ...]
    others: bool
    title: str
    venue: str
    year: str
    arxiv: str

    @property
    def key(self) -> str:
        """A name for the entry: first author, year, first word of the title that is not small."""
        words = re.findall(r"[a-z0-9]+", self.title.lower())
        word = next((w for w in words if w not in _SMALL), "")
        return re.sub(r"[^a-z]", "", self.authors[0].lower()) + self.year + word

    def bibtex(self) -> str:
        """Return the entry."""
        authors = " and ".join([f"{{{a}}}" if " " in a else a for a in self.authors])
        fields = {
            "author": authors + (" and others" if self.others else ""),
            "title": f"{{{self.title}}}",
            "howpublished": self.venue,
            "year": self.year,
            "eprint": self.arxiv,
            "archiveprefix": "arXiv" if self.arxiv else "",
        }
        lines = [f"  {name} = {{{value}}}" for name, value in fields.items() if value]
        return f"@misc{{{self.key},\n" + ",\n".join(lines) + "\n}"


def papers(text: str) -> list[Reference]:
    """Return the papers that a docstring names."""
    text = re.sub(r" \(first called [^()]*\)", "", re.sub(r"\s+", " ", text))
    found = [*_PAPER.finditer(text)]
    ends = [*(match.start() for match in found[1:]), len(text)][: len(found)]
    return [_reference(m, text[m.end() : end]) for m, end in zip(found, ends, strict=True)]


def _reference(match: re.Match[str], rest: str) -> Reference:
    names = re.split(r", | and ", match[1].removesuffix(" et al."))
    year, arxiv = _YEAR.search(rest), _ARXIV.search(rest)
    venue = rest[: year.start()].strip(" ,") if year else ""
    return Reference(
        tuple(names),
        match[1].endswith(" et al."),
        match[2],
        venue,
        year[0] if year else "",
        arxiv[1] if arxiv else "",
    )


class Cited(NamedTuple):
    """What something that a study used is to be cited by: keys of BibTeX entries, none: unnamed."""

    what: str
    keys: list[str]


class Bibliography(NamedTuple):
    """What to cite, and the BibTeX entries of all of it, each once."""

    cited: list[Cited]
    bibtex: str


def bibliography(meta: Mapping[str, Any]) -> Bibliography:
    """Return how to cite each benchmark and each method of a study."""
    found = dict([*_methods(meta), *_benchmarks(meta)])
    return joined([_of(what, entries) for what, entries in found.items()])


def with_statistics(found: Bibliography, page: str) -> Bibliography:
    """Return a bibliography with the papers of the statistics that the text of a page names."""
    named = [paper.bibtex() for paper in _statistics() if re.search(_words(paper), page)]
    return joined([found, _of("statistics of this report", list(dict.fromkeys(named)))])


def joined(found: Sequence[Bibliography]) -> Bibliography:
    """Return bibliographies as one, each entry once."""
    entries: dict[str, str] = {}
    for entry in (entry for one in found for entry in one.bibtex.split("\n\n") if entry):
        # Where one docstring names all authors and another "et al.", the longer entry says more.
        entries[_key(entry)] = max(entries.get(_key(entry), ""), entry, key=len)
    cited: dict[str, list[str]] = {}
    for what, keys in (item for one in found for item in one.cited):
        cited[what] = list(dict.fromkeys([*cited.get(what, ()), *keys]))
    return Bibliography(
        [Cited(*item) for item in cited.items()],
        "\n\n".join(entries[key] for key in sorted(entries)),
    )


def _of(what: str, entries: list[str]) -> Bibliography:
    return Bibliography([Cited(what, [*map(_key, entries)])], "\n\n".join(entries))


def _key(entry: str) -> str:
    return entry[entry.index("{") + 1 : entry.index(",")]


def _benchmarks(meta: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """Yield what cards say; where there is none, whose the space and the data are."""
    for entry in meta["study"]["benchmarks"]:
        family, _, rest = entry["name"].partition("/")
        if blocks := re.findall(r"```bibtex\n(.*?)\n```", _card(family), re.S):
            yield f"benchmark {family}", blocks
            continue
        space = meta["benchmarks"][entry["label"]]["space"].partition("[")[0]
        data = _entries("datasets", rest.partition("/")[2]) if family == "live" else []
        yield f"benchmark {entry['name']}", _entries("spaces", space) + data


def _card(family: str) -> str:
    try:
        return card(family)
    except OSError:
        return ""


def _methods(meta: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    families: tuple[Family, ...] = ("strategies", "predictors", "proxies", "extrapolators")
    for family in families:
        for entry in meta["study"].get(family, ()):
            yield _plugin(family, entry["name"])
            used = dict(meta["parameters"].get(entry["label"], {}))
            for of, name in _inside(used | {"stopping": entry.get("stopping")}):
                yield _plugin(of, name)


def _inside(parameters: Mapping[str, Any]) -> Iterator[tuple[Family, str]]:
    """Yield the plug-ins that parameters name, at any depth."""
    for key, value in parameters.items():
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, Mapping):
                yield from _inside(one)
            name = one.get("name") if isinstance(one, Mapping) else one
            if key in _NAMED and isinstance(name, str) and name in registry.names(_NAMED[key]):
                yield _NAMED[key], name


def _plugin(family: Family, name: str) -> tuple[str, list[str]]:
    return f"{_ONE[family]} {name}", _entries(family, name)


_ONE = {
    "strategies": "strategy",
    "predictors": "predictor",
    "encodings": "encoding",
    "proxies": "proxy",
    "extrapolators": "extrapolator",
}


def _entries(family: Family, name: str) -> list[str]:
    try:
        return [paper.bibtex() for paper in papers(registry.documentation(family, name))]
    except (OSError, WorkbenchError):
        # A file of the user's may have moved since; the study's numbers do not need it.
        return []


def _statistics() -> list[Reference]:
    """Return the papers that modules of statistics, and their functions, name as their sources."""
    modules = [import_module(name) for name in _STATISTICS]
    texts = [one.__doc__ for module in modules for one in (module, *_functions(module))]
    return [paper for text in texts for paper in papers(text or "")]


def _functions(module: ModuleType) -> list[Any]:
    return [f for f in vars(module).values() if getattr(f, "__module__", None) == module.__name__]


def _words(paper: Reference) -> str:
    author = paper.authors[0]
    return _CALLED.get(author, rf"\b{author}\b")
