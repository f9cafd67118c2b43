"""Small live searches, for tests."""

from __future__ import annotations

from typing import Any

from workbench.harness.search_study import SearchStudy
from workbench.harness.study import parse_study

SMALL: dict[str, Any] = {
    "name": "small",
    "kind": "search",
    "budget": {"queries": 5},
    "benchmarks": [
        {
            "name": "live/nb201/digits",
            "network": {"channels": 4, "cells": 1, "stages": 2},
            "training": {"epochs": 3},
            "data": {"train": 150, "valid": 80},
        }
    ],
    "strategies": [{"name": "random_search"}],
    "final": {"top": 2, "seeds": 2, "random": 3},
}
FUNNEL: dict[str, Any] = {
    "candidates": 10, "keep": {"proxies": 0.5, "predictor": 3, "short": 1}, "initial": 2,
}  # fmt: skip


def small(**changes: Any) -> SearchStudy:
    """Return a random search of five trainings, or a changed one."""
    made = parse_study(SMALL | changes)
    assert isinstance(made, SearchStudy)
    return made


def funnel(**changes: Any) -> SearchStudy:
    """Return the same with a funnel of three stages."""
    given = {k: v for k, v in (SMALL | changes).items() if k != "strategies"}
    made = parse_study(given | {"funnel": FUNNEL})
    assert isinstance(made, SearchStudy)
    return made
