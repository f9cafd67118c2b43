"""A plan of a table that is measured in a second or two, for tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

PLAN = """
space = "nb201"
data = "digits"
seeds = 2
part = 3
options = {train = 60, valid = 40}
network = {channels = 4, cells = 1, stages = 1}
training = {epochs = 2, batch_size = 20}
"""


def planned(folder: Path) -> Path:
    """Return a new folder with the plan, of which nothing is measured."""
    folder.mkdir()
    (folder / "table.toml").write_text(PLAN, encoding="utf-8")
    return folder


def change_part(folder: Path, part: int, **arrays: Callable[[np.ndarray], np.ndarray]) -> None:
    """Change arrays of a part of a table where they are stored."""
    path = folder / f"part-{part:04d}.npz"
    with np.load(path) as stored:
        content = dict(stored)
    for name, change in arrays.items():
        content[name] = change(content[name])
    np.savez_compressed(path, **content)
