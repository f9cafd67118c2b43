"""Archives that were made to do harm are refused, for what is wrong with them."""

from __future__ import annotations

import json
import pickle
import sqlite3
import stat
import struct
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.archives import Entries, Hostile, content_of, listed, made, refused, zipped
from workbench.errors import ArchiveError
from workbench.harness.archive import COMMENT, MANIFEST, seal
from workbench.harness.foreign import check_arrays, check_weights
from workbench.harness.unpack import import_study


def test_an_archive_made_by_hand_is_taken(archive: Path, tmp_path: Path) -> None:
    """So that what follows is refused for what is wrong with it."""
    path = made(tmp_path / "x.zip", listed(content_of(archive)))
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
    entries = listed(content_of(archive) | {name: b"evil"})
    refused(made(tmp_path / "x.zip", entries), tmp_path, "is no file of a study")


def test_a_name_that_ends_at_a_zero_is_refused(archive: Path, tmp_path: Path) -> None:
    """``zipfile`` cuts it there; the name in the file is longer."""
    path = made(tmp_path / "x.zip", listed(content_of(archive)), ("files/x.py_evil.sh", b"evil"))
    content = path.read_bytes().replace(b"files/x.py_evil.sh", b"files/x.py\0evil.sh")
    path.write_bytes(content)
    seal(path)
    refused(path, tmp_path, "is no file of a study")


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFDIR, stat.S_IFIFO, stat.S_IFCHR])
def test_links_and_devices_are_refused(kind: int, archive: Path, tmp_path: Path) -> None:
    content = content_of(archive)
    target = content.pop("files/guess.py")
    info = zipfile.ZipInfo("files/guess.py")
    info.create_system, info.external_attr = 3, (kind | 0o777) << 16
    entries = listed(content | {"files/guess.py": target})
    del entries["files/guess.py"]
    refused(made(tmp_path / "x.zip", entries, (info, target)), tmp_path, "is a link")


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("twice", ["summary.json", "files/GUESS.py"])
def test_what_is_there_twice_is_refused(twice: str, archive: Path, tmp_path: Path) -> None:
    path = made(tmp_path / "x.zip", listed(content_of(archive)), (twice, b"{}"))
    refused(path, tmp_path, "is there twice")


def test_what_no_manifest_names_is_refused(archive: Path, tmp_path: Path) -> None:
    content = content_of(archive)
    path = made(tmp_path / "x.zip", content, ("files/more.py", b"evil"))
    refused(path, tmp_path, r"do not agree: files/more\.py")
    less = {name: data for name, data in content.items() if name != "summary.json"}
    refused(made(tmp_path / "y.zip", less), tmp_path, r"do not agree: summary\.json")
    refused(made(tmp_path / "z.zip", listed(less)), tmp_path, r"lacks summary\.json")
    none = {name: data for name, data in content.items() if name != MANIFEST}
    refused(made(tmp_path / "u.zip", none), tmp_path, "has no MANIFEST")
    named = listed(content | {"files/more.py": b"x = 1"})
    refused(made(tmp_path / "v.zip", named), tmp_path, r"does not name files/more\.py")


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
    entries = content_of(archive) | {MANIFEST: text}
    refused(made(tmp_path / "x.zip", entries), tmp_path, ".")


@pytest.mark.parametrize("study", ["../evil", "/tmp/evil", "", ".", "a/b", "a" * 101, "x\n", 3])
def test_a_name_that_leads_elsewhere_is_refused(
    study: Any, archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = made(tmp_path / "x.zip", listed(content_of(archive), study=study))
    with pytest.raises(ArchiveError):
        import_study(path)
    assert [p.name for p in tmp_path.iterdir()] == ["x.zip"]


def _bomb(content: Entries, said: int) -> Entries:
    entries = listed(content | {"report.html": b"0" * 200_000_000})
    manifest = json.loads(entries[MANIFEST])
    manifest["files"]["report.html"]["size"] = said
    return entries | {MANIFEST: json.dumps(manifest).encode()}


def test_a_bomb_is_refused_before_it_is_unpacked(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the manifest says is believed no more than what the zip says of itself."""
    written: list[int] = []
    monkeypatch.setattr("workbench.harness.unpack._copy", _counted(written))
    path = made(tmp_path / "x.zip", _bomb(content_of(archive), 1000))
    assert path.stat().st_size < 1_000_000
    refused(path, tmp_path, r"report\.html is larger than MANIFEST\.json says")
    assert sum(written) < 1_000_000
    written.clear()
    honest = made(tmp_path / "y.zip", _bomb(content_of(archive), 200_000_000))
    refused(honest, tmp_path, r"comes to 0\.2 GB, and the limit is 0\.1", limit=0.1)
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
    path = made(tmp_path / "x.zip", _bomb(content_of(archive), 1000))
    big, small = struct.pack("<I", 200_000_000), struct.pack("<I", 1000)
    content = path.read_bytes()
    assert content.count(big) == 2
    path.write_bytes(content.replace(big, small))
    seal(path)
    refused(path, tmp_path, ".")


def test_entries_that_share_their_bytes_are_refused(archive: Path, tmp_path: Path) -> None:
    """An overlapping bomb: two entries of the directory point to the same packed bytes."""
    content = content_of(archive) | {"files/2/t.csv": content_of(archive)["files/t.csv"]}
    path = made(tmp_path / "x.zip", listed(content))
    with zipfile.ZipFile(path) as opened:
        first = opened.getinfo("files/t.csv").header_offset
    spoiled = bytearray(path.read_bytes())
    record = spoiled.rindex(b"files/2/t.csv") - 46
    assert spoiled[record : record + 4] == b"PK\1\2"
    spoiled[record + 42 : record + 46] = struct.pack("<I", first)
    path.write_bytes(spoiled)
    seal(path)
    refused(path, tmp_path, "cannot be read")


def test_a_large_manifest_is_refused(archive: Path, tmp_path: Path) -> None:
    entries = content_of(archive) | {MANIFEST: b" " * 50_000_000 + b"{}"}
    refused(made(tmp_path / "x.zip", entries), tmp_path, "larger than any could be")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_ways_of_packing_are_refused(method: int, archive: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w", method) as made:
        for name, content in content_of(archive).items():
            made.writestr(name, content)
        made.comment = COMMENT
    seal(path)
    refused(path, tmp_path, "packed in another way")


# -- hostile contents ------------------------------------------------------------------------------


def _database(archive: Path, tmp_path: Path, *statements: str) -> Entries:
    """Return the entries of an archive with its database changed."""
    content = content_of(archive)
    path = tmp_path / "changed.sqlite"
    path.write_bytes(content["study.sqlite"])
    with closing(sqlite3.connect(path)) as db:
        for statement in statements:
            db.execute(statement)
            db.commit()
    changed = path.read_bytes()
    path.unlink()
    return listed(content | {"study.sqlite": changed})


@pytest.mark.parametrize("name", ["study.json", "provenance.json", "summary.json"])
def test_files_that_are_no_json_are_refused(name: str, archive: Path, tmp_path: Path) -> None:
    path = made(tmp_path / "x.zip", listed(content_of(archive) | {name: b'{"kind": '}))
    refused(path, tmp_path, "cannot be read")


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TRIGGER t AFTER INSERT ON runs BEGIN DELETE FROM trials; END",
        "CREATE VIEW v AS SELECT * FROM runs",
        "CREATE TABLE more (x)",
        "CREATE INDEX i ON runs (host)",
        "CREATE VIRTUAL TABLE f USING fts5(x)",
        "DROP TABLE trials",
        "DELETE FROM runs WHERE run = 3",
        "UPDATE runs SET entry = 'other' WHERE run = 3",
        "UPDATE runs SET benchmark = 'third' WHERE run = 3",
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
    path = made(tmp_path / "x.zip", _database(archive, tmp_path, statement))
    refused(path, tmp_path, ".")


@pytest.mark.parametrize(
    "content", [b"", b"nonsense" * 1000, b"SQLite format 3\0" + b"\1" * 9000, b"\x80\x04N."]
)
def test_what_is_no_database_is_refused(content: bytes, archive: Path, tmp_path: Path) -> None:
    entries = listed(content_of(archive) | {"study.sqlite": content})
    refused(made(tmp_path / "x.zip", entries), tmp_path, r"study\.sqlite")


def test_a_damaged_database_is_refused(archive: Path, tmp_path: Path) -> None:
    content = content_of(archive)
    pages = bytearray(content["study.sqlite"])
    pages[8192:16384] = bytes(8192)
    entries = listed(content | {"study.sqlite": bytes(pages)})
    refused(made(tmp_path / "x.zip", entries), tmp_path, r"study\.sqlite")


def _weights(path: Path) -> Entries:
    torch = pytest.importorskip("torch")
    torch.save(
        torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3)).state_dict(), path
    )
    return content_of(path)


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
    evil = pickle.dumps({"a": Hostile(mark)}, protocol=protocol)
    for content in (zipped(entries | {name: evil}), evil, evil + zipped(entries)):
        hostile = listed(content_of(archive) | {"best.pt": content})
        refused(made(tmp_path / "x.zip", hostile), tmp_path, r"best\.pt")
    assert not mark.exists()


def test_other_parts_of_weights_are_refused(tmp_path: Path) -> None:
    """``constants.pkl`` would make torch take the file for a program."""
    path = tmp_path / "best.pt"
    entries = _weights(path)
    for name in ("best/constants.pkl", "best/code/x.py", "../x", "best/other.pkl"):
        path.write_bytes(zipped(entries | {name: b"\x80\x02N."}))
        with pytest.raises(ArchiveError, match="no part of weights"):
            check_weights(path)
    path.write_bytes(zipped({n: c for n, c in entries.items() if not n.endswith(".pkl")}))
    with pytest.raises(ArchiveError, match="no weights"):
        check_weights(path)


def test_arrays_of_objects_are_refused(tmp_path: Path) -> None:
    path, mark = tmp_path / "x.npz", tmp_path / "ran"
    np.savez_compressed(path, a=np.zeros((3, 2)), b=np.array(["text"]), c=np.array(1))
    check_arrays(path)
    hostile = np.array([Hostile(mark)], dtype=object)
    np.savez(path, a=np.zeros(3), b=hostile)
    with pytest.raises(ArchiveError, match=r"b\.npy holds Python objects"):
        check_arrays(path)
    for content in (pickle.dumps(hostile), b"", zipped({"a.npy": b"\x80\x04N."})):
        path.write_bytes(content)
        with pytest.raises(ArchiveError):
            check_arrays(path)
    assert not mark.exists()
