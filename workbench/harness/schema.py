"""The tables of a study folder's SQLite file."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

_TEXT = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE runs (
    run INTEGER PRIMARY KEY, benchmark TEXT NOT NULL, entry TEXT NOT NULL,
    replicate INTEGER NOT NULL, error TEXT, wall REAL NOT NULL, cpu REAL NOT NULL,
    host TEXT NOT NULL, UNIQUE (benchmark, entry, replicate));
CREATE TABLE trials (
    run INTEGER NOT NULL REFERENCES runs, trial INTEGER NOT NULL, arch TEXT NOT NULL,
    epochs INTEGER NOT NULL, continues INTEGER, replicate INTEGER NOT NULL, status TEXT NOT NULL,
    score REAL, cost REAL, step_asked INTEGER NOT NULL, step_told INTEGER, started REAL NOT NULL,
    ended REAL NOT NULL, truth REAL, test REAL, PRIMARY KEY (run, step_asked)) WITHOUT ROWID;
CREATE TABLE tasks (
    run INTEGER NOT NULL REFERENCES runs, task INTEGER NOT NULL, name TEXT NOT NULL,
    cost REAL NOT NULL, step_asked INTEGER NOT NULL, step_told INTEGER, started REAL NOT NULL,
    ended REAL NOT NULL, PRIMARY KEY (run, step_asked)) WITHOUT ROWID;
CREATE TABLE measures (
    run INTEGER NOT NULL REFERENCES runs, size INTEGER NOT NULL, test_set TEXT NOT NULL,
    metric TEXT NOT NULL, value REAL NOT NULL, PRIMARY KEY (run, size, test_set, metric))
    WITHOUT ROWID;
"""
SCHEMA = _TEXT.split(";")
"""One statement a table."""
LOG = """
CREATE TABLE IF NOT EXISTS log (
    run INTEGER NOT NULL, step INTEGER NOT NULL, entry TEXT NOT NULL, PRIMARY KEY (run, step))
    WITHOUT ROWID
"""
"""The log of a live run; a folder has it once it was opened for writing."""
ORDER = {
    "trials": "run, step_asked",
    "tasks": "run, step_asked",
    "measures": "run, size, test_set, metric",
}
"""Tables of what belongs to a run, and the order of their rows."""
TABLES = (*ORDER,)


def fresh_schema(*, log: bool) -> set[tuple[Any, ...]]:
    """Return type, name, table and SQL of all that an empty study file holds."""
    with closing(sqlite3.connect(":memory:")) as db:
        for statement in (*SCHEMA, *([LOG] if log else [])):
            db.execute(statement)
        return {*db.execute("SELECT type, name, tbl_name, sql FROM sqlite_schema")}
