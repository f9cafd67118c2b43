"""One tree of errors. Each says what was wrong, with the value, where it came from, what to do.

::

    WorkbenchError                   exit code 2 unless said otherwise
    |-- StudyError                   a study file, an override, or a study that cannot be run
    |-- ParameterError               a parameter of a strategy, encoding, predictor (a ValueError)
    |-- UnknownName                  a name no plug-in has, with the nearest ones (a LookupError)
    |-- ArchitectureError            not an architecture of this space (a ValueError)
    |-- SpaceTooLarge                an exact count or rank beyond 2**63 (an OverflowError)
    |-- NoGraph                      this space has no graphs
    |-- BenchmarkError               an epoch, replicate or metric that a benchmark does not hold
    |-- TableError                   a user's table, all its faults at once
    |-- TrainingFailed               a network that cannot be trained here (memory)
    |-- PluginError                  a plug-in file that cannot be used
    |-- StoreError                   a study folder: locked, changed, damaged
    |-- ArchiveError                 the archive of a study: damaged, changed, or meant to do harm
    |-- ExecutorError                where work is to be done: no cluster there, or other versions
    |-- WorkerDied                   exit code 1: what did a piece of work was killed
    |-- DataMissing                  exit code 3: a package or file is not there
    |   `-- MissingExtra             an optional dependency (also an ImportError)
    `-- UnsafePickle                 exit code 3: a data file asks for code to be run
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias


class WorkbenchError(Exception):
    """Base of every error that the workbench raises on purpose; crosses process boundaries."""

    exit_code = 2

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (type(self), self.args)


def _again(cls: type[WorkbenchError], args: tuple[Any, ...]) -> WorkbenchError:
    error = cls.__new__(cls)
    error.args = args
    return error


class StudyError(WorkbenchError):
    """A study that cannot be run as written; names the place."""


class ParameterError(WorkbenchError, ValueError):
    """A parameter of a plug-in has a wrong type or value."""


class UnknownName(WorkbenchError, LookupError):
    """A name that no plug-in has."""

    def __init__(self, kind: str, name: str, known: Iterable[str], hint: str = "") -> None:
        self.args = (f"unknown {kind} {name!r}{did_you_mean(name, known)}{hint}",)

    def __str__(self) -> str:
        return str(self.args[0])


class ArchitectureError(WorkbenchError, ValueError):
    """A row, tuple or string that is no architecture of the space."""


class SpaceTooLarge(WorkbenchError, OverflowError):
    """The space has more members than a 64-bit integer counts, or than can be listed."""


class NoGraph(WorkbenchError):
    """The space's architectures have no graphs."""


class BenchmarkError(WorkbenchError, ValueError):
    """A query for an epoch, a replicate or a metric that the benchmark does not hold."""


class TableError(WorkbenchError):
    """Everything that is wrong with a user's table, with row numbers."""


class TrainingFailed(WorkbenchError):
    """A network that cannot be trained here; divergence is a result and not an error."""


class PluginError(WorkbenchError):
    """A plug-in file that does not hold what its name promises."""


class StoreError(WorkbenchError):
    """A study folder that is in use, holds another study, or is damaged."""


class ArchiveError(WorkbenchError):
    """An archive of a study that is damaged or changed, or not what an archive of a study is."""


class ExecutorError(WorkbenchError):
    """A place where work cannot be done: no cluster there, or one that computes otherwise."""


class WorkerDied(WorkbenchError):
    """The process or worker that did a piece of work was killed; other work goes on."""

    exit_code = 1


class DataMissing(WorkbenchError):
    """A package or file that holds data is not there."""

    exit_code = 3


class MissingExtra(DataMissing, ImportError):
    """An optional dependency is not installed."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} needs an extra: pip install 'nas-workbench[{extra}]'")


class UnsafePickle(WorkbenchError):
    """A pickle that names something outside the list of what is allowed; nothing of it was run."""

    exit_code = 3


Fault: TypeAlias = str | WorkbenchError
"""Something that is wrong, in words, or as an error whose kind says what it is."""


def at(place: str, fault: Fault) -> Fault:
    """Return a fault with its place in front; an error stays of its kind."""
    text = f"{place}: {fault}"
    return text if isinstance(fault, str) else reworded(fault, text)


def reworded(error: WorkbenchError, text: str) -> WorkbenchError:
    """Return an error of the same kind that says something else."""
    return _again(type(error), (text,))


def together(faults: Sequence[Fault], kind: type[WorkbenchError] = StudyError) -> WorkbenchError:
    """Return one error of a kind that says all faults, a line each.

    Where each of them is of data, or an extra, that is not there (exit code 3), so is the error.
    """
    errors = [fault for fault in faults if isinstance(fault, WorkbenchError)]
    missing = [error for error in errors if error.exit_code == DataMissing.exit_code]
    if len(missing) == len(faults):
        kind = type(missing[0])
    return _again(kind, ("\n".join(map(str, faults)),))


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a clause naming the nearest known names, or all of them where none is near."""
    known = sorted(known)
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.6)
    if near:
        return f"; did you mean {' or '.join(map(repr, near))}?"
    return f"; known: {', '.join(known)}" if known else ""


def describe_fault(fault: BaseException) -> str:
    """Return type, message and innermost place of an exception in one line."""
    trace = fault.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = ""
    if trace is not None:
        where = f" ({trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno})"
    return f"{type(fault).__name__}: {fault}{where}"
