"""A study with a plug-in and tables of its own as an archive, and archives that are made by hand.

Hostile ones are made with ``zipfile``, and sealed as ours are, so that it is not the seal that
refuses them.
"""

from __future__ import annotations

import io
import json
import os
import zipfile
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from workbench.errors import ArchiveError
from workbench.harness.archive import COMMENT, MANIFEST, seal
from workbench.harness.drive import run_study
from workbench.harness.study import load_study
from workbench.harness.unpack import import_study
from workbench.report.write import write_all

PLUGIN = """
from workbench import Strategy


class Guess(Strategy):
    def ask(self):
        return self._trial(tuple(self.space.sample(1, self.rng)[0].tolist()))

    def tell(self, trial, observation):
        pass
"""
STUDY: dict[str, Any] = {
    "name": "small",
    "replicates": 2,
    "budget": {"queries": 6},
    "strategies": ["random_search", "guess.py"],
}


def make_folder(top: Path) -> Path:
    """Return a folder with a study of a plug-in on two tables of its own, of one file name."""
    (top / "guess.py").write_text(PLUGIN, encoding="utf-8")
    benchmarks = []
    for i, name in enumerate(("one", "other")):
        (top / name).mkdir()
        write_table(top / name / "t.csv", i)
        entry = {"name": name, "table": f"{name}/t.csv", "space": "nb201", "columns": "acc"}
        benchmarks.append(entry | {"architecture": "cell", "allow_missing": True})
    (top / "study.json").write_text(json.dumps(STUDY | {"benchmarks": benchmarks}), "utf-8")
    run_study(load_study(top / "study.json"), top / "small")
    write_all(top / "small")
    return top / "small"


def write_table(path: Path, shift: int) -> None:
    from workbench.spaces import space

    where = space("nb201")
    archs = where.sample(40, np.random.default_rng(0))
    lines = {where.format(tuple(a)): f"{80 + shift + i / 10}" for i, a in enumerate(archs.tolist())}
    text = "\n".join(["cell,acc", *(f"{cell},{acc}" for cell, acc in lines.items())])
    path.write_text(text, encoding="utf-8")


def content_of(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


Entries = dict[str, bytes]


def made(path: Path, entries: Entries, *more: tuple[zipfile.ZipInfo | str, bytes]) -> Path:
    """Write an archive by hand, sealed as ours are."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in (*entries.items(), *more):
            archive.writestr(name, content)
        archive.comment = COMMENT
    seal(path)
    return path


def listed(entries: Entries, **said: Any) -> Entries:
    """Return entries with a manifest that agrees with them."""
    rest = {name: content for name, content in entries.items() if name != MANIFEST}
    files = {
        name: {"sha256": sha256(content).hexdigest(), "size": len(content)}
        for name, content in rest.items()
    }
    manifest = json.loads(entries[MANIFEST]) | {"files": files} | said
    return {MANIFEST: json.dumps(manifest).encode(), **rest}


def refused(path: Path, tmp_path: Path, words: str, **options: Any) -> None:
    before = {*tmp_path.rglob("*")}
    with pytest.raises(ArchiveError, match=words) as caught:
        import_study(path, tmp_path / "in", **options)
    assert str(path) in str(caught.value)
    assert {*tmp_path.rglob("*")} == before


class Hostile:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.mark}",)


def zipped(entries: Entries) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return made.getvalue()
