"""Errors: each crosses a process boundary with its words, and has a documented exit code."""

from __future__ import annotations

import pickle

import pytest

from workbench import errors
from workbench.errors import MissingExtra, UnknownName, WorkbenchError, did_you_mean


def _tree(cls: type[WorkbenchError]) -> list[type[WorkbenchError]]:
    return [cls, *(x for sub in cls.__subclasses__() for x in _tree(sub))]


def _made(cls: type[WorkbenchError]) -> WorkbenchError:
    if issubclass(cls, UnknownName):
        return cls("strategy", "randon", ["random_search"])
    return cls("it", "tpe") if issubclass(cls, MissingExtra) else cls("said so")


@pytest.mark.parametrize("cls", _tree(WorkbenchError), ids=lambda c: c.__name__)
def test_pickled_and_exit_code(cls: type[WorkbenchError]) -> None:
    error = _made(cls)
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is cls
    assert str(again) == str(error)
    assert cls.exit_code in (1, 2, 3, 130, 143)


def test_the_tree_in_the_docstring_is_complete() -> None:
    for cls in _tree(WorkbenchError):
        assert cls.__module__ != errors.__name__ or cls.__name__ in (errors.__doc__ or "")


def test_near_names_come_first() -> None:
    assert did_you_mean("randm", ["random", "tpe"]) == "; did you mean 'random'?"
    assert did_you_mean("zzz", ["b", "a"]) == "; known: a, b"
    assert did_you_mean("zzz", []) == ""
