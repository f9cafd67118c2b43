"""A study as one file: the same bytes again, and every changed byte found."""

from __future__ import annotations

import io
import json
import re
import sqlite3
import subprocess
import sys
from contextlib import closing, nullcontext
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.archives import PLUGIN, STUDY, Hostile, content_of, listed, made
from workbench.errors import ArchiveError, StoreError
from workbench.harness.archive import MANIFEST, export_study
from workbench.harness.drive import run_study
from workbench.harness.frozen import frozen
from workbench.harness.plan import prepare
from workbench.harness.reproduce import reproduce
from workbench.harness.store import note_in, open_store, progress_of, read_meta
from workbench.harness.study import load_study
from workbench.harness.unpack import import_study
from workbench.report.write import write_all

# -- what is in it, and what comes out of it -------------------------------------------------------


def test_it_holds_all_that_a_study_is(archive: Path, folder: Path) -> None:
    found = content_of(archive)
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
    lock = content_of(export_study(tmp_path / "in", tmp_path / "o.zip").path)["requirements.lock"]
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


def test_the_documented_check_holds(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lines as they stand there, of our archive and of one with a changed byte."""
    docs = Path(__file__).parent.parent / "docs"
    page = (docs / "reproducibility.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    monkeypatch.chdir(tmp_path)
    whole = archive.read_bytes()
    Path("study.zip").write_bytes(whole)
    exec(code, {})
    Path("study.zip").write_bytes(whole[:99] + bytes([whole[99] ^ 1]) + whole[100:])
    with pytest.raises(AssertionError):
        exec(code, {})


def test_every_changed_file_is_found_without_the_seal(archive: Path, tmp_path: Path) -> None:
    content = content_of(archive)
    for name in content:
        spoiled = dict(content)
        spoiled[name] = content[name][:-1] + bytes([content[name][-1] ^ 1])
        with pytest.raises(ArchiveError):
            import_study(made(tmp_path / "x.zip", spoiled), tmp_path / "in")
    assert not (tmp_path / "in").exists()


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
    np.savez(evil, X=np.array([Hostile(tmp_path / "ran")], dtype=object))
    entries = listed(content_of(path) | {"files/digits.npz": evil.getvalue()})
    with pytest.raises(ArchiveError, match="Python objects"):
        import_study(made(tmp_path / "y.zip", entries), tmp_path / "again")
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
