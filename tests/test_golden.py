"""The golden study: what it comes to is committed, and every change of a number is noticed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from workbench.harness.drive import run_study
from workbench.report.golden import golden, rounded
from workbench.report.write import write_all

STUDIES = Path(__file__).resolve().parent.parent / "docs" / "studies"
COMMITTED = STUDIES / "results" / "golden.json"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("golden")
    run_study(STUDIES / "golden.toml", folder)
    write_all(folder)
    return folder


def test_the_golden_study_comes_out_to_the_byte(folder: Path) -> None:
    """Where this fails on purpose, ``workbench.report.golden`` says how the file is renewed."""
    assert golden(folder).encode() == COMMITTED.read_bytes()


def _leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(value, (dict, list)):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        return [leaf for key, one in items for leaf in _leaves(one, (*path, key))]
    return [path] if isinstance(value, float) else []


def test_a_changed_digit_of_any_number_is_noticed(folder: Path, tmp_path: Path) -> None:
    text = (folder / "summary.json").read_text(encoding="utf-8")
    leaves = _leaves(json.loads(text))
    assert len(leaves) > 50
    for *path, last in leaves:
        changed = json.loads(text)
        place = changed
        for key in path:
            place = place[key]
        place[last] = place[last] * (1 + 2e-9) if place[last] else 1e-300
        (tmp_path / "summary.json").write_text(json.dumps(changed), encoding="utf-8")
        assert golden(tmp_path).encode() != COMMITTED.read_bytes(), (*path, last)


@pytest.mark.parametrize("value", [91.23456789012345, 1.0000000000000002e-7, -3e300, 0.1 + 0.2])
def test_rounding_hides_the_last_bits_and_nothing_else(value: float) -> None:
    assert rounded(value) == pytest.approx(value, rel=1e-9, abs=0)
    assert rounded({"a": [value]}) == {"a": [rounded(value * (1 + 4e-16))]}
    assert rounded(value) != rounded(value * (1 + 2e-9))


def test_what_is_no_float_stays() -> None:
    kept = {"n": 12345678901234, "none": None, "text": "1.00000000000001", "yes": True}
    assert rounded(kept) == kept
    assert rounded(float("inf")) == float("inf")
