"""One SQLite file a study folder: the frozen study, its provenance, its runs and their logs.

A run is committed whole, in one transaction, when it ends; a killed study loses at most the runs
in flight. Only the process that drives a study writes; it holds a lock that the operating system
releases when it dies. Readers open the file read-only.
"""

from __future__ import annotations

import json
import os
import platform
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from hashlib import blake2b
from pathlib import Path
from typing import Any

import pandas as pd
from filelock import FileLock, Timeout

from workbench.errors import StoreError
from workbench.harness.frozen import Meta, check_same, shard_of
from workbench.harness.result import RunResult
from workbench.harness.schema import LOG, ORDER, SCHEMA, TABLES
from workbench.harness.sections import Study, map_paths
from workbench.harness.shard import WHOLE
from workbench.harness.study import stored_study

FILE = "study.sqlite"
_LOCK = "study.lock"
_HOLDER = "study.lock.holder"
_BLOCK = 10_000
_PATIENCE = 0.5
"""Seconds to wait for a lock: `status` holds it for a moment to see whether it is free."""


class Store:
    """A study folder opened for writing by the one process that drives it."""

    def __init__(self, folder: Path, connection: sqlite3.Connection) -> None:
        self.folder = folder
        self._connection = connection

    def finished(self) -> set[int]:
        """Return the numbers of the runs that are stored."""
        return {n for (n,) in self._connection.execute("SELECT run FROM runs")}

    def forget_failed(self) -> None:
        """Drop the runs that failed, so that they are tried again."""
        with self._connection as db:
            failed = "SELECT run FROM runs WHERE error IS NOT NULL"
            for table in TABLES:
                db.execute(f"DELETE FROM {table} WHERE run IN ({failed})")
            db.execute("DELETE FROM runs WHERE error IS NOT NULL")

    def take(self, folder: Path, numbers: Iterable[int]) -> None:
        """Copy runs and all that belongs to them from another folder, over what is here of them."""
        self._connection.execute("ATTACH ? AS other", (_read_only(folder / FILE),))
        try:
            with self._connection as db:
                db.execute("CREATE TEMP TABLE taken (run INTEGER PRIMARY KEY)")
                db.executemany("INSERT INTO taken VALUES (?)", ((n,) for n in numbers))
                for table in ("runs", *TABLES):
                    mine = "run IN (SELECT run FROM taken)"
                    db.execute(f"DELETE FROM main.{table} WHERE {mine}")
                    db.execute(f"INSERT INTO main.{table} SELECT * FROM other.{table} WHERE {mine}")
                db.execute("DROP TABLE taken")
        finally:
            self._connection.execute("DETACH other")

    def note_mixed(self, words: Sequence[str]) -> None:
        """Keep in the provenance that runs of other versions are among those stored."""
        found = _meta(self._connection)["provenance"]
        found["mixed"] = sorted({*found.get("mixed", ()), *words})
        with self._connection as db:
            query = "UPDATE meta SET value = ? WHERE key = 'provenance'"
            db.execute(query, (json.dumps(found),))

    def entries(self, run: int) -> list[tuple[int, str]]:
        """Return the log of a live run: steps and what was written at each, in their order."""
        query = "SELECT step, entry FROM log WHERE run = ? ORDER BY step"
        return self._connection.execute(query, (run,)).fetchall()

    def write(self, run: int, step: int, entry: str) -> None:
        """Add one entry to the log of a live run, in a transaction of its own."""
        with self._connection as db:
            db.execute("INSERT INTO log VALUES (?, ?, ?)", (run, step, entry))

    def note(self, key: str, value: Any) -> None:
        """Keep something that the folder says of itself, in place of what it said before."""
        with self._connection as db:
            db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, json.dumps(value)))

    def add(self, study: Study, result: RunResult) -> None:
        """Store one finished run, in place of what is there of it, in one transaction."""
        spec = study.spec(result.number)
        run = (
            result.number,
            study.benchmarks[spec.benchmark].label,
            study.entries[spec.entry].label,
            spec.replicate,
            result.error,
            result.wall,
            result.cpu,
            result.host or platform.node(),
        )
        with self._connection as db:
            for table in ("runs", *TABLES):
                db.execute(f"DELETE FROM {table} WHERE run = ?", (result.number,))
            db.execute(f"INSERT INTO runs VALUES ({','.join('?' * len(run))})", run)
            for table, rows in result.rows.items():
                if rows:
                    marks = ",".join("?" * (len(rows[0]) + 1))
                    whole = ((result.number, *row) for row in rows)
                    db.executemany(f"INSERT INTO {table} VALUES ({marks})", whole)


@contextmanager
def open_store(folder: Path, meta: Meta) -> Iterator[Store]:
    """Open, or make, the store of a study for writing; closed and unlocked at the end.

    ``meta`` is what a new folder says of itself, and what an old one is compared with.

    Raises
    ------
    StoreError
        Another process writes there, the folder holds another study, or the file is damaged.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / _LOCK)
    try:
        lock.acquire(timeout=_PATIENCE)
    except Timeout:
        holder = _read_text(folder / _HOLDER) or "an unknown process"
        raise StoreError(f"{folder} is being written by {holder}; wait for it or stop it") from None
    try:
        holder = f"process {os.getpid()} on {platform.node()}"
        (folder / _HOLDER).write_text(holder, encoding="utf-8")
        connection = _open_or_make(folder, meta)
        try:
            yield Store(folder, connection)
        finally:
            # Without its log beside it, the file can be copied, and read from a read-only folder;
            # a reader that is at work just then keeps the log, which does no harm.
            with suppress(sqlite3.OperationalError):
                connection.execute("PRAGMA journal_mode = DELETE")
            connection.close()
    finally:
        (folder / _HOLDER).unlink(missing_ok=True)
        lock.release()


def read_meta(folder: Path) -> Meta:
    """Return the frozen study, provenance and benchmark facts of a study folder.

    Files that the study names by a relative path lie in the folder itself, as in one that was
    imported; here their paths are whole.

    Raises
    ------
    StoreError
        The folder holds no study, or its file is damaged.
    """
    with _reader(folder) as db:
        found = _meta(db)
    found["study"] = map_paths(found["study"], lambda path: str(folder.resolve() / path))
    return found


def check_rows(folder: Path) -> None:
    """Refuse a study file that was altered so that what it holds belongs to no run of it.

    Raises
    ------
    StoreError
        It has trials, tasks or measures of a run that it does not list.
    """
    with _reader(folder) as db:
        if stray := db.execute("PRAGMA foreign_key_check").fetchone():
            raise StoreError(
                f"{folder / FILE} was altered: it has {stray[0]} of a run that it does not list;"
                " the same `workbench run` does that run again"
            )


def note_in(folder: Path, key: str, value: Any) -> None:
    """Keep something that a folder says of itself, where nobody has it open.

    Raises
    ------
    StoreError
        Another process writes there, or the file is damaged.
    """
    with open_store(folder, read_meta(folder)) as store:
        store.note(key, value)


def read_rows(folder: Path, table: str, run: int) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Return the columns of a table but for the run's, and a run's rows in their order."""
    with _reader(folder) as db:
        found = db.execute(f"SELECT * FROM {table} WHERE run = ? ORDER BY {ORDER[table]}", (run,))
        return [name for name, *_ in found.description[1:]], [row[1:] for row in found]


def read_runs(folder: Path) -> pd.DataFrame:
    """Return one row a stored run: its names, error, wall, cpu, host, asked and failed trials."""
    query = """
        SELECT runs.*, count(trials.run) AS asked,
               coalesce(sum(trials.status = 'failed'), 0) AS failed_trials
        FROM runs LEFT JOIN trials USING (run) GROUP BY run ORDER BY run
    """
    with _reader(folder) as db:
        return pd.read_sql_query(query, db)


def read_told(folder: Path) -> pd.DataFrame:
    """Return one row a told trial with its run's names, by run and in the order of tells."""
    query = """
        SELECT run, arch, epochs, continues, replicate, status, score, cost, ended, truth, test
        FROM trials WHERE step_told IS NOT NULL ORDER BY run, step_told
    """
    numbers = dict.fromkeys(("score", "cost", "truth", "test"), "float64")
    with _reader(folder) as db:
        # In blocks, because rows of Python objects take ten times the memory of the frame.
        blocks = pd.read_sql_query(query, db, chunksize=_BLOCK, dtype=numbers)
        trials = pd.concat([*blocks], ignore_index=True)
    runs = read_runs(folder).set_index("run")
    for column in ("benchmark", "entry"):
        names = pd.Categorical(runs[column], categories=list(dict.fromkeys(runs[column])))
        codes = pd.Series(names.codes, index=runs.index)[trials["run"]].to_numpy()
        trials[column] = pd.Categorical.from_codes(codes, names.categories)
    trials["run_replicate"] = runs["replicate"][trials["run"]].to_numpy()
    return trials


def read_tasks(folder: Path) -> pd.DataFrame:
    """Return one row a told task, with the label of its run's entry."""
    query = "SELECT run, entry, name, tasks.cost FROM tasks JOIN runs USING (run)"
    with _reader(folder) as db:
        return pd.read_sql_query(f"{query} WHERE step_told IS NOT NULL", db)


def read_log(folder: Path) -> list[str]:
    """Return the entries of a folder's live run, in their order; of other studies none."""
    with _reader(folder) as db:
        if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'log'").fetchone():
            return []
        return [entry for (entry,) in db.execute("SELECT entry FROM log ORDER BY run, step")]


def read_measures(folder: Path) -> pd.DataFrame:
    """Return one row a measure of a finished run, with its run's names, in the order of runs."""
    query = """
        SELECT run, benchmark, entry, replicate, size, test_set, metric, value
        FROM measures JOIN runs USING (run) WHERE error IS NULL
        ORDER BY run, size, test_set, metric
    """
    with _reader(folder) as db:
        return pd.read_sql_query(query, db)


def read_digests(folder: Path, times: Sequence[str]) -> dict[int, str | None]:
    """Return a digest of the numbers of every stored run; None of a run that failed.

    ``times`` are measures that are left out, because they differ from call to call.
    """
    marks = ",".join("?" * len(times))
    queries = [
        ("SELECT * FROM trials ORDER BY run, step_asked", ()),
        ("SELECT * FROM tasks ORDER BY run, step_asked", ()),
        (
            f"SELECT * FROM measures WHERE metric NOT IN ({marks})"
            " ORDER BY run, size, test_set, metric",
            tuple(times),
        ),
    ]
    with _reader(folder) as db:
        failed = dict(db.execute("SELECT run, error IS NOT NULL FROM runs"))
        found = {run: blake2b(digest_size=16) for run in failed}
        for query, values in queries:
            for row in db.execute(query, values):
                found[row[0]].update(repr(row).encode())
    return {run: None if failed[run] else digest.hexdigest() for run, digest in found.items()}


def progress_of(folder: Path) -> dict[str, Any]:
    """Return how far a study, or a shard, is: runs in all, finished, failed, who is writing.

    Of a live search also how many trainings have ended.
    """
    meta = read_meta(folder)
    study, shard = stored_study(meta["study"]), shard_of(meta)
    errors = read_runs(folder)["error"].dropna()
    return {
        "study": study.name,
        "shard": None if shard == WHOLE else str(shard),
        "runs": len(shard.numbers(study)),
        "finished": len(read_runs(folder)) - len(errors),
        "failed": len(errors),
        "errors": {str(e): int(n) for e, n in errors.value_counts().items()},
        "writer": writer_of(folder),
    } | ({"trainings": _ended_trainings(folder)} if study.kind == "search" else {})


def _ended_trainings(folder: Path) -> int:
    """Return how many trainings of a live search have ended."""
    entries = (json.loads(entry) for entry in read_log(folder))
    return sum("came" in entry and entry["status"] != "part" for entry in entries)


def writer_of(folder: Path) -> str | None:
    """Return who is writing a folder, None where nobody is."""
    holder = _read_text(folder / _HOLDER)
    if not holder:
        return None
    try:
        with FileLock(folder / _LOCK).acquire(timeout=0):
            return None  # the holder died without taking its name away
    except Timeout:
        return holder
    except OSError:
        return None  # a folder that nobody can write


@contextmanager
def _reader(folder: Path) -> Iterator[sqlite3.Connection]:
    path = folder / FILE
    if not path.is_file():
        raise StoreError(f"{folder} holds no study ({FILE} is not there); `workbench run` makes it")
    connection = sqlite3.connect(_read_only(path), uri=True)
    try:
        yield connection
    except sqlite3.DatabaseError as error:
        raise _damaged(path, error) from error
    except pd.errors.DatabaseError as error:
        raise _damaged(path, error) from error
    finally:
        connection.close()


def _open_or_make(folder: Path, meta: Meta) -> sqlite3.Connection:
    path = folder / FILE
    connection = sqlite3.connect(path.resolve().as_uri(), uri=True)  # others can be attached
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        made = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'meta'").fetchone()
        if made is None:
            with connection:
                _make(connection, meta)
        else:
            check_same(_meta(connection), meta, folder)
        connection.execute(LOG)
    except sqlite3.DatabaseError as error:
        connection.close()
        raise _damaged(path, error) from error
    except StoreError:
        connection.close()
        raise
    return connection


def _make(connection: sqlite3.Connection, meta: Meta) -> None:
    for statement in SCHEMA:
        connection.execute(statement)
    rows = [(key, json.dumps(value, default=repr)) for key, value in meta.items()]
    connection.executemany("INSERT INTO meta VALUES (?, ?)", rows)


def _meta(connection: sqlite3.Connection) -> Meta:
    found = connection.execute("SELECT key, value FROM meta").fetchall()
    return {key: json.loads(value) for key, value in found}


def _read_only(path: Path) -> str:
    return f"{path.resolve().as_uri()}?mode=ro"


def _damaged(path: Path, error: Exception) -> StoreError:
    return StoreError(f"{path} cannot be read ({error}); move it away and run the study again")


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""
