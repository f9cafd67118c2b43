"""Live trainings of a second and less, for tests."""

from __future__ import annotations

from typing import Any

from workbench.data.live import Live

CELL = (3, 1, 2, 4, 0, 2)
SMALL: dict[str, Any] = {
    "network": {"channels": 2, "stages": 2},
    "training": {"epochs": 4, "learning_rate": 0.05},
    "data": {"train": 80, "valid": 50},
}
STUDY = """
name = "live"
kind = "strategies"
replicates = 2
strategies = ["random_search", {name = "regularized_evolution", population = 3, sample = 2}]

[budget]
queries = 6

[[benchmarks]]
name = "live/nb201/digits"
network = {channels = 3, stages = 2}
training = {epochs = 3}
data = {train = 200, valid = 100}
"""


def live(**changes: Any) -> Live:
    """Return the cells of NAS-Bench-201 on digits, four epochs of them; or other settings."""
    return Live("nb201/digits", **{**SMALL, **changes})
