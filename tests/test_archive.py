"""A study as one file: the same bytes again, every changed byte found, every hostile one refused.

Hostile archives are made with ``zipfile`` by hand, and sealed as ours are, so that it is not the
seal that refuses them.
"""

from __future__ import annotations

import io
import json
import os
import pickle
import sqlite3
import stat
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from contextlib import closing, nullcontext
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from workbench.errors import ArchiveError, StoreError
from workbench.harness.archive import COMMENT, MANIFEST, export_study, seal
from workbench.harness.drive import run_study
from workbench.harness.foreign import check_arrays, check_weights
from workbench.harness.frozen import frozen
from workbench.harness.plan import prepare
from workbench.harness.reproduce import reproduce
from workbench.harness.store import note_in, open_store, progress_of, read_meta
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


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a study of a plug-in on two tables of its own, of one file name."""
    top = tmp_path_factory.mktemp("archive")
    (top / "guess.py").write_text(PLUGIN, encoding="utf-8")
    benchmarks = []
    for i, name in enumerate(("one", "other")):
        (top / name).mkdir()
        _table(top / name / "t.csv", i)
        entry = {"name": name, "table": f"{name}/t.csv", "space": "nb201", "columns": "acc"}
        benchmarks.append(entry | {"architecture": "cell", "allow_missing": True})
    (top / "study.json").write_text(json.dumps(STUDY | {"benchmarks": benchmarks}), "utf-8")
    run_study(load_study(top / "study.json"), top / "small")
    write_all(top / "small")
    return top / "small"


def _table(path: Path, shift: int) -> None:
    from workbench.spaces import space

    where = space("nb201")
    archs = where.sample(40, np.random.default_rng(0))
    lines = {where.format(tuple(a)): f"{80 + shift + i / 10}" for i, a in enumerate(archs.tolist())}
    text = "\n".join(["cell,acc", *(f"{cell},{acc}" for cell, acc in lines.items())])
    path.write_text(text, encoding="utf-8")


@pytest.fixture(scope="module")
def archive(folder: Path) -> Path:
    return export_study(folder, folder.parent / "small.zip").path


def _content(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


# -- what is in it, and what comes out of it -------------------------------------------------------


def test_it_holds_all_that_a_study_is(archive: Path, folder: Path) -> None:
    found = _content(archive)
    written = {"study.sqlite", "report.html", "summary.json", "results.parquet", "timing.json"}
    files = {"files/guess.py", "files/t.csv", "files/2/t.csv"}
    told = {"study.json", "provenance.json", "requirements.lock"}
    assert {*found} == written | files | told | {MANIFEST}
    manifest = json.loads(found[MANIFEST])
    assert {*manifest["files"]} == {*found} - {MANIFEST}
    for name, said in manifest["files"].items():
        assert said == {"sha256": sha256(found[name]).hexdigest(), "size": len(found[name])}
    for name in written - {"study.sqlite"}:
        assert found[name] == (folder / name).read_bytes()
    lock = found["requirements.lock"].decode().splitlines()
    assert f"numpy=={version('numpy')}" in lock
    assert f"pyarrow=={version('pyarrow')}" in lock
    assert not [line for line in lock if line.startswith("nas-workbench=")]
    said = json.loads(found["provenance.json"])
    assert said["provenance"] == read_meta(folder)["provenance"]
    assert said["fingerprint"]["guess.py"] == sha256(found["files/guess.py"]).hexdigest()
    assert str(folder.parent).encode() not in found["study.json"] + found["study.sqlite"]


def test_the_same_folder_gives_the_same_bytes(archive: Path, folder: Path, tmp_path: Path) -> None:
    again = export_study(folder, tmp_path / "again.zip").path
    assert again.read_bytes() == archive.read_bytes()
    # And so does what was imported, wherever it lies.
    import_study(archive, tmp_path / "in")
    back = export_study(tmp_path / "in", tmp_path / "back.zip").path
    assert back.read_bytes() == archive.read_bytes()


def test_what_is_imported_works_where_it_lies_and_where_it_is_moved(
    archive: Path, folder: Path, tmp_path: Path
) -> None:
    found = import_study(archive, tmp_path / "a" / "in")
    assert (found.files, found.code, found.left_out) == (11, ["files/guess.py"], [])
    assert [p.name for p in (tmp_path / "a").iterdir()] == ["in"]
    moved = found.folder.rename(tmp_path / "moved")
    assert progress_of(moved)["finished"] == 8
    assert write_all(moved).summary == write_all(folder).summary
    again = reproduce(moved, lambda *_: nullcontext(lambda *_: None), 1)
    assert (again.holds, again.again, again.unlike) == (True, 8, [])
    # The study file in it goes on with it, too.
    assert run_study(load_study(moved / "study.json"), moved).ran == 0


def test_what_is_not_fit_to_be_exported_is_refused(
    folder: Path, archive: Path, tmp_path: Path
) -> None:
    with pytest.raises(ArchiveError, match="there already"):
        export_study(folder, archive)
    import_study(archive, tmp_path / "in")
    (tmp_path / "in" / "report.html").unlink()
    with pytest.raises(StoreError, match="workbench report"):
        export_study(tmp_path / "in", tmp_path / "out.zip")
    write_all(tmp_path / "in")
    plugin = tmp_path / "in" / "files" / "guess.py"
    plugin.write_text(PLUGIN + "\n", encoding="utf-8")
    with pytest.raises(StoreError, match=r"guess\.py is not what"):
        export_study(tmp_path / "in", tmp_path / "out.zip")
    plugin.unlink()
    with pytest.raises(StoreError, match=r"guess\.py is not there"):
        export_study(tmp_path / "in", tmp_path / "out.zip")
    meta = frozen(prepare(load_study(folder.parent / "study.json")))
    with open_store(folder, meta), pytest.raises(StoreError, match="being written"):
        export_study(folder, tmp_path / "out.zip")
    assert [p.name for p in tmp_path.iterdir()] == ["in"]


def test_what_is_in_the_log_of_the_database_is_not_lost(
    archive: Path, folder: Path, tmp_path: Path
) -> None:
    """A process that was killed leaves a write-ahead log, in which is what it wrote last."""
    import_study(archive, tmp_path / "in")
    db = sqlite3.connect(tmp_path / "in" / "study.sqlite")
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("UPDATE runs SET host = 'written last'")
    db.commit()
    try:
        assert (tmp_path / "in" / "study.sqlite-wal").stat().st_size
        export_study(tmp_path / "in", tmp_path / "out.zip")
    finally:
        db.close()
    import_study(tmp_path / "out.zip", tmp_path / "out")
    with closing(sqlite3.connect(tmp_path / "out" / "study.sqlite")) as db:
        assert {*db.execute("SELECT host FROM runs")} == {("written last",)}


def test_what_an_old_folder_did_not_record_is_said(archive: Path, tmp_path: Path) -> None:
    import_study(archive, tmp_path / "in")
    with closing(sqlite3.connect(tmp_path / "in" / "study.sqlite")) as db, db:
        db.execute("DELETE FROM meta WHERE key = 'installed'")
    lock = _content(export_study(tmp_path / "in", tmp_path / "o.zip").path)["requirements.lock"]
    assert b"not recorded" in lock
    assert f"numpy=={version('numpy')}".encode() in lock
    assert b"pyarrow" not in lock


# -- changed bytes ---------------------------------------------------------------------------------


def test_every_changed_byte_is_found(archive: Path, tmp_path: Path) -> None:
    """Each of the last 500, where names and seal are, and 500 over the whole file."""
    content = archive.read_bytes()
    changed = tmp_path / "changed.zip"
    places = {
        *range(len(content) - 1000, len(content)),
        *range(0, len(content), len(content) // 999),
    }
    for place in sorted(places):
        spoiled = bytearray(content)
        spoiled[place] ^= 1 + place % 255
        changed.write_bytes(spoiled)
        with pytest.raises(ArchiveError):
            import_study(changed, tmp_path / "in")
    for part in (b"", content[:30], content[:-1], content[1:], content + b"\0", content[:-64]):
        changed.write_bytes(part)
        with pytest.raises(ArchiveError, match="changed since it was written"):
            import_study(changed, tmp_path / "in")
    assert [p.name for p in tmp_path.iterdir()] == ["changed.zip"]


def test_every_changed_file_is_found_without_the_seal(archive: Path, tmp_path: Path) -> None:
    content = _content(archive)
    for name in content:
        spoiled = dict(content)
        spoiled[name] = content[name][:-1] + bytes([content[name][-1] ^ 1])
        with pytest.raises(ArchiveError):
            import_study(_made(tmp_path / "x.zip", spoiled), tmp_path / "in")
    assert not (tmp_path / "in").exists()


# -- hostile archives ------------------------------------------------------------------------------

Entries = dict[str, bytes]


def _made(path: Path, entries: Entries, *more: tuple[zipfile.ZipInfo | str, bytes]) -> Path:
    """Write an archive by hand, sealed as ours are."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in (*entries.items(), *more):
            archive.writestr(name, content)
        archive.comment = COMMENT
    seal(path)
    return path


def _listed(entries: Entries, **said: Any) -> Entries:
    """Return entries with a manifest that agrees with them."""
    rest = {name: content for name, content in entries.items() if name != MANIFEST}
    files = {
        name: {"sha256": sha256(content).hexdigest(), "size": len(content)}
        for name, content in rest.items()
    }
    manifest = json.loads(entries[MANIFEST]) | {"files": files} | said
    return {MANIFEST: json.dumps(manifest).encode(), **rest}


def _refused(path: Path, tmp_path: Path, words: str, **options: Any) -> None:
    before = {*tmp_path.rglob("*")}
    with pytest.raises(ArchiveError, match=words) as caught:
        import_study(path, tmp_path / "in", **options)
    assert str(path) in str(caught.value)
    assert {*tmp_path.rglob("*")} == before


def test_an_archive_made_by_hand_is_taken(archive: Path, tmp_path: Path) -> None:
    """So that what follows is refused for what is wrong with it."""
    path = _made(tmp_path / "x.zip", _listed(_content(archive)))
    assert import_study(path, tmp_path / "in").files == 11


@pytest.mark.parametrize(
    "name",
    [
        *("../evil.py", "/etc/evil.py", "files/../../evil.py", "files/../evil.py", "..", "."),
        *("files\\..\\evil.py", "C:/evil.py", "C:evil.py", "\\\\host\\evil.py", "~/evil.py"),
        *("files/", "files//x.py", "files/x/y.py", "files/1/2/y.py", "files/.x.py", "files/x"),
        *("study.sqlite-wal", "study.sqlite-journal", "study.lock", "x.pkl", "files/x.pkl"),
        *("files/x.pth", "files/x.so", "files/x.py/", "Study.sqlite", "files/x\n.py", "evil.py"),
        *("files/a:b.py", ".bashrc", "sitecustomize.py", "files/2/", "files"),
    ],
)
def test_names_that_are_not_ours_are_refused(name: str, archive: Path, tmp_path: Path) -> None:
    entries = _listed(_content(archive) | {name: b"evil"})
    _refused(_made(tmp_path / "x.zip", entries), tmp_path, "is no file of a study")


def test_a_name_that_ends_at_a_zero_is_refused(archive: Path, tmp_path: Path) -> None:
    """``zipfile`` cuts it there; the name in the file is longer."""
    path = _made(tmp_path / "x.zip", _listed(_content(archive)), ("files/x.py_evil.sh", b"evil"))
    content = path.read_bytes().replace(b"files/x.py_evil.sh", b"files/x.py\0evil.sh")
    path.write_bytes(content)
    seal(path)
    _refused(path, tmp_path, "is no file of a study")


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFDIR, stat.S_IFIFO, stat.S_IFCHR])
def test_links_and_devices_are_refused(kind: int, archive: Path, tmp_path: Path) -> None:
    content = _content(archive)
    target = content.pop("files/guess.py")
    info = zipfile.ZipInfo("files/guess.py")
    info.create_system, info.external_attr = 3, (kind | 0o777) << 16
    entries = _listed(content | {"files/guess.py": target})
    del entries["files/guess.py"]
    _refused(_made(tmp_path / "x.zip", entries, (info, target)), tmp_path, "is a link")


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("twice", ["summary.json", "files/GUESS.py"])
def test_what_is_there_twice_is_refused(twice: str, archive: Path, tmp_path: Path) -> None:
    path = _made(tmp_path / "x.zip", _listed(_content(archive)), (twice, b"{}"))
    _refused(path, tmp_path, "is there twice")


def test_what_no_manifest_names_is_refused(archive: Path, tmp_path: Path) -> None:
    content = _content(archive)
    path = _made(tmp_path / "x.zip", content, ("files/more.py", b"evil"))
    _refused(path, tmp_path, r"do not agree: files/more\.py")
    less = {name: data for name, data in content.items() if name != "summary.json"}
    _refused(_made(tmp_path / "y.zip", less), tmp_path, r"do not agree: summary\.json")
    _refused(_made(tmp_path / "z.zip", _listed(less)), tmp_path, r"lacks summary\.json")
    none = {name: data for name, data in content.items() if name != MANIFEST}
    _refused(_made(tmp_path / "u.zip", none), tmp_path, "has no MANIFEST")
    named = _listed(content | {"files/more.py": b"x = 1"})
    _refused(_made(tmp_path / "v.zip", named), tmp_path, r"does not name files/more\.py")


@pytest.mark.parametrize(
    "text",
    [
        *(b"", b"{}", b"[]", b"null", b"\xff", b'{"format": 1}', b"[" * 100_000),
        *(b'{"format": 99}', b'{"format": 1, "study": "x", "left_out": [], "files": []}'),
        b'{"format": 1, "study": "x", "left_out": [], "files": {"a": {"sha256": 1, "size": 1}}}',
        b'{"format": 1, "study": "x", "left_out": [], "files": {"a": "b"}}',
    ],
    ids=range(11),
)
def test_a_manifest_that_makes_no_sense_is_refused(
    text: bytes, archive: Path, tmp_path: Path
) -> None:
    entries = _content(archive) | {MANIFEST: text}
    _refused(_made(tmp_path / "x.zip", entries), tmp_path, ".")


@pytest.mark.parametrize("study", ["../evil", "/tmp/evil", "", ".", "a/b", "a" * 101, "x\n", 3])
def test_a_name_that_leads_elsewhere_is_refused(
    study: Any, archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = _made(tmp_path / "x.zip", _listed(_content(archive), study=study))
    with pytest.raises(ArchiveError):
        import_study(path)
    assert [p.name for p in tmp_path.iterdir()] == ["x.zip"]


def _bomb(content: Entries, said: int) -> Entries:
    entries = _listed(content | {"report.html": b"0" * 200_000_000})
    manifest = json.loads(entries[MANIFEST])
    manifest["files"]["report.html"]["size"] = said
    return entries | {MANIFEST: json.dumps(manifest).encode()}


def test_a_bomb_is_refused_before_it_is_unpacked(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the manifest says is believed no more than what the zip says of itself."""
    written: list[int] = []
    monkeypatch.setattr("workbench.harness.unpack._copy", _counted(written))
    path = _made(tmp_path / "x.zip", _bomb(_content(archive), 1000))
    assert path.stat().st_size < 1_000_000
    _refused(path, tmp_path, r"report\.html is larger than MANIFEST\.json says")
    assert sum(written) < 1_000_000
    written.clear()
    honest = _made(tmp_path / "y.zip", _bomb(_content(archive), 200_000_000))
    _refused(honest, tmp_path, r"comes to 0\.2 GB, and the limit is 0\.1", limit=0.1)
    assert not written


def _counted(written: list[int]) -> Callable[..., tuple[str, int]]:
    from workbench.harness.unpack import _copy

    def counted(source: Any, target: Any, size: int) -> tuple[str, int]:
        found = _copy(source, target, size)
        written.append(found[1])
        return found

    return counted


def test_sizes_in_the_zip_are_not_believed(archive: Path, tmp_path: Path) -> None:
    """Both headers say that the bomb is small, as the manifest does."""
    path = _made(tmp_path / "x.zip", _bomb(_content(archive), 1000))
    big, small = struct.pack("<I", 200_000_000), struct.pack("<I", 1000)
    content = path.read_bytes()
    assert content.count(big) == 2
    path.write_bytes(content.replace(big, small))
    seal(path)
    _refused(path, tmp_path, ".")


def test_entries_that_share_their_bytes_are_refused(archive: Path, tmp_path: Path) -> None:
    """An overlapping bomb: two entries of the directory point to the same packed bytes."""
    content = _content(archive) | {"files/2/t.csv": _content(archive)["files/t.csv"]}
    path = _made(tmp_path / "x.zip", _listed(content))
    with zipfile.ZipFile(path) as made:
        first = made.getinfo("files/t.csv").header_offset
    spoiled = bytearray(path.read_bytes())
    record = spoiled.rindex(b"files/2/t.csv") - 46
    assert spoiled[record : record + 4] == b"PK\1\2"
    spoiled[record + 42 : record + 46] = struct.pack("<I", first)
    path.write_bytes(spoiled)
    seal(path)
    _refused(path, tmp_path, "cannot be read")


def test_a_large_manifest_is_refused(archive: Path, tmp_path: Path) -> None:
    entries = _content(archive) | {MANIFEST: b" " * 50_000_000 + b"{}"}
    _refused(_made(tmp_path / "x.zip", entries), tmp_path, "larger than any could be")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_ways_of_packing_are_refused(method: int, archive: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w", method) as made:
        for name, content in _content(archive).items():
            made.writestr(name, content)
        made.comment = COMMENT
    seal(path)
    _refused(path, tmp_path, "packed in another way")


# -- hostile contents ------------------------------------------------------------------------------


def _database(archive: Path, tmp_path: Path, *statements: str) -> Entries:
    """Return the entries of an archive with its database changed."""
    content = _content(archive)
    path = tmp_path / "changed.sqlite"
    path.write_bytes(content["study.sqlite"])
    with closing(sqlite3.connect(path)) as db:
        for statement in statements:
            db.execute(statement)
            db.commit()
    changed = path.read_bytes()
    path.unlink()
    return _listed(content | {"study.sqlite": changed})


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TRIGGER t AFTER INSERT ON runs BEGIN DELETE FROM trials; END",
        "CREATE VIEW v AS SELECT * FROM runs",
        "CREATE TABLE more (x)",
        "CREATE INDEX i ON runs (host)",
        "CREATE VIRTUAL TABLE f USING fts5(x)",
        "DROP TABLE trials",
        "ALTER TABLE runs ADD COLUMN x",
        "ALTER TABLE runs RENAME TO walks",
        "PRAGMA journal_mode = WAL",
        "DELETE FROM meta WHERE key = 'study'",
        "UPDATE meta SET value = '\"2\"' WHERE key = 'format'",
        "UPDATE meta SET value = '{' WHERE key = 'study'",
        "UPDATE meta SET value = '[]' WHERE key = 'study'",
        "UPDATE meta SET value = x'00ff' WHERE key = 'study'",
        "UPDATE meta SET value = replace(value, '\"small\"', '\"large\"') WHERE key = 'study'",
        "UPDATE meta SET value = replace(value, 'files/', '../') WHERE key = 'study'",
        "UPDATE meta SET value = replace(value, 'files/', '/tmp/') WHERE key = 'study'",
        "UPDATE meta SET value = replace(value, 'files/t.csv', 'x.csv') WHERE key = 'study'",
        "UPDATE meta SET value = replace(value, '\"seed\"', '\"seeds\"') WHERE key = 'study'",
    ],
)
def test_a_database_of_other_contents_is_refused(
    statement: str, archive: Path, tmp_path: Path
) -> None:
    path = _made(tmp_path / "x.zip", _database(archive, tmp_path, statement))
    _refused(path, tmp_path, ".")


@pytest.mark.parametrize(
    "content", [b"", b"nonsense" * 1000, b"SQLite format 3\0" + b"\1" * 9000, b"\x80\x04N."]
)
def test_what_is_no_database_is_refused(content: bytes, archive: Path, tmp_path: Path) -> None:
    entries = _listed(_content(archive) | {"study.sqlite": content})
    _refused(_made(tmp_path / "x.zip", entries), tmp_path, r"study\.sqlite")


def test_a_damaged_database_is_refused(archive: Path, tmp_path: Path) -> None:
    content = _content(archive)
    pages = bytearray(content["study.sqlite"])
    pages[8192:16384] = bytes(8192)
    entries = _listed(content | {"study.sqlite": bytes(pages)})
    _refused(_made(tmp_path / "x.zip", entries), tmp_path, r"study\.sqlite")


class _Hostile:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.mark}",)


def _zip(entries: Entries) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return made.getvalue()


def _weights(path: Path) -> Entries:
    torch = pytest.importorskip("torch")
    torch.save(
        torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3)).state_dict(), path
    )
    return _content(path)


def test_weights_that_torch_writes_are_taken(tmp_path: Path) -> None:
    entries = _weights(tmp_path / "best.pt")
    check_weights(tmp_path / "best.pt")
    assert any(name.endswith("data.pkl") for name in entries)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_that_runs_something_is_refused(
    protocol: int, archive: Path, tmp_path: Path
) -> None:
    mark = tmp_path / "ran"
    (tmp_path / "torch").mkdir()
    entries = _weights(tmp_path / "torch" / "best.pt")
    name = next(name for name in entries if name.endswith("data.pkl"))
    evil = pickle.dumps({"a": _Hostile(mark)}, protocol=protocol)
    for content in (_zip(entries | {name: evil}), evil, evil + _zip(entries)):
        hostile = _listed(_content(archive) | {"best.pt": content})
        _refused(_made(tmp_path / "x.zip", hostile), tmp_path, r"best\.pt")
    assert not mark.exists()


def test_other_parts_of_weights_are_refused(tmp_path: Path) -> None:
    """``constants.pkl`` would make torch take the file for a program."""
    path = tmp_path / "best.pt"
    entries = _weights(path)
    for name in ("best/constants.pkl", "best/code/x.py", "../x", "best/other.pkl"):
        path.write_bytes(_zip(entries | {name: b"\x80\x02N."}))
        with pytest.raises(ArchiveError, match="no part of weights"):
            check_weights(path)
    path.write_bytes(_zip({n: c for n, c in entries.items() if not n.endswith(".pkl")}))
    with pytest.raises(ArchiveError, match="no weights"):
        check_weights(path)


def test_arrays_of_objects_are_refused(tmp_path: Path) -> None:
    path, mark = tmp_path / "x.npz", tmp_path / "ran"
    np.savez_compressed(path, a=np.zeros((3, 2)), b=np.array(["text"]), c=np.array(1))
    check_arrays(path)
    hostile = np.array([_Hostile(mark)], dtype=object)
    np.savez(path, a=np.zeros(3), b=hostile)
    with pytest.raises(ArchiveError, match=r"b\.npy holds Python objects"):
        check_arrays(path)
    for content in (pickle.dumps(hostile), b"", _zip({"a.npy": b"\x80\x04N."})):
        path.write_bytes(content)
        with pytest.raises(ArchiveError):
            check_arrays(path)
    assert not mark.exists()


# -- folders of data, searches, the command line ---------------------------------------------------


def test_a_search_takes_its_network_along_and_leaves_folders_of_images(tmp_path: Path) -> None:
    Image = pytest.importorskip("PIL.Image")
    rng = np.random.default_rng(0)
    for label in ("a", "b"):
        (tmp_path / "images" / label).mkdir(parents=True)
        for i in range(30):
            pixels = rng.integers(0, 256, (8, 8), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "images" / label / f"{i}.png")
    study = {
        "name": "looked", "kind": "search", "budget": {"queries": 1},
        "final": {"seeds": 1, "random": 1},
        "benchmarks": [{
            "name": "live/nb201/image_folder", "network": {"channels": 2, "stages": 2},
            "training": {"epochs": 1}, "data": {"path": "images", "size": 8},
        }],
        "strategies": ["random_search"],
    }  # fmt: skip
    (tmp_path / "study.json").write_text(json.dumps(study), encoding="utf-8")
    run_study(load_study(tmp_path / "study.json"), tmp_path / "looked")
    write_all(tmp_path / "looked")
    note_in(tmp_path / "looked", "energy", {"kwh": 1.0})
    found = export_study(tmp_path / "looked", tmp_path / "looked.zip")
    assert found.left_out == [str(tmp_path / "images")]
    back = import_study(found.path, tmp_path / "back")
    assert back.code == ["best.py"]
    assert back.left_out == found.left_out
    for name in ("best.py", "best.pt"):
        assert (back.folder / name).read_bytes() == (tmp_path / "looked" / name).read_bytes()
    assert json.loads((back.folder / "provenance.json").read_text())["energy"] == {"kwh": 1.0}
    assert reproduce(back.folder, lambda *_: nullcontext(lambda *_: None), 1).holds


def _on_arrays(folder: Path, **arrays: Any) -> Path:
    """Return the archive of a study that trains on a file of arrays."""
    np.savez(folder / "digits.npz", **arrays)
    live = {"name": "live/nb201/npz", "network": {"channels": 2, "stages": 2}}
    live |= {"training": {"epochs": 1}, "data": {"path": "digits.npz"}}
    study = STUDY | {"benchmarks": [live], "replicates": 1, "budget": {"queries": 1}}
    text = json.dumps(study | {"strategies": ["random_search"]})
    (folder / "study.json").write_text(text, encoding="utf-8")
    run_study(load_study(folder / "study.json"), folder / "out")
    write_all(folder / "out")
    return export_study(folder / "out", folder / "x.zip").path


def test_data_come_along_and_pickles_among_them_are_refused(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.random((60, 1, 8, 8), dtype=np.float32), np.arange(60) % 2
    path = _on_arrays(tmp_path, X=x, y=y)
    (tmp_path / "digits.npz").unlink()
    found = import_study(path, tmp_path / "in")
    assert (found.folder / "files" / "digits.npz").is_file()
    assert reproduce(found.folder, lambda *_: nullcontext(lambda *_: None), 1).holds
    evil = io.BytesIO()
    np.savez(evil, X=np.array([_Hostile(tmp_path / "ran")], dtype=object))
    entries = _listed(_content(path) | {"files/digits.npz": evil.getvalue()})
    with pytest.raises(ArchiveError, match="Python objects"):
        import_study(_made(tmp_path / "y.zip", entries), tmp_path / "again")
    assert not (tmp_path / "ran").exists()


def _workbench(*words: str | Path, cwd: Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "workbench", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done


def test_the_command_line_there_and_back(folder: Path, tmp_path: Path) -> None:
    said = json.loads(_workbench("export", folder, "--json", cwd=tmp_path).stdout)
    assert (said["path"], said["files"], said["left_out"]) == ("small.zip", 12, [])
    assert "there already" in _workbench("export", folder, cwd=tmp_path, code=2).stderr
    done = _workbench("import", "small.zip", cwd=tmp_path)
    assert done.stdout == "small: 11 files, each as it was exported\n"
    assert "brings code, files/guess.py" in done.stderr
    assert "8 of 8 runs finished" in _workbench("status", "small", cwd=tmp_path).stdout
    report = _workbench("report", "small", cwd=tmp_path).stdout
    assert report.strip().endswith("small/report.html")
    again = _workbench("reproduce", "small", "--share", "1", "--workers", "1", cwd=tmp_path)
    assert "8 of 8 runs were done again: 48 rows, all equal to the bit" in again.stdout
    assert "there already" in _workbench("import", "small.zip", cwd=tmp_path, code=2).stderr
    small = _workbench("import", "small.zip", "--out", "x", "--limit", "0", cwd=tmp_path, code=2)
    assert "--limit" in small.stderr
    (tmp_path / "bad.zip").write_bytes(b"PK")
    assert "bad.zip" in _workbench("import", "bad.zip", cwd=tmp_path, code=2).stderr
    assert "No such file" in _workbench("import", "none.zip", cwd=tmp_path, code=2).stderr
