"""Parameters and multiply-adds in closed form, against the published table, built networks, torch's
own counter, and the extremes that others have printed of the published FLOPs.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

import workbench
from workbench.networks import build
from workbench.networks._nb201_counts import flops, params

NB201 = workbench.space("nb201")
PUBLISHED = {
    "cifar10": ((3, 32, 32), 10, 7.78305, 220.11969),
    "cifar100": ((3, 32, 32), 100, 7.78890, 220.12554),
    "imagenet16-120": ((3, 16, 16), 120, 1.95340, 55.03756),
}
BUILT = [
    (30, (3, 32, 32), 10, {"channels": 16, "cells": 5, "stages": 3}),
    (100, (1, 14, 14), 10, {"channels": 12, "cells": 1, "stages": 2, "stem_stride": 2}),
    (70, (1, 9, 7), 3, {"channels": 3, "cells": 2, "stages": 3}),
]


@pytest.mark.parametrize("dataset", PUBLISHED)
def test_a_stored_replicate_of_every_cell_has_as_many_parameters(dataset: str) -> None:
    bench: Any = workbench.benchmark(f"nb201/{dataset}")
    shape, classes, *_ = PUBLISHED[dataset]
    archs = NB201.all()
    counts = bench.replicates(archs)
    stored = np.stack(
        [
            bench.query_many(archs, 200, np.minimum(r, counts - 1)).metrics["model_size"]
            for r in range(3)
        ]
    )
    off = np.abs(stored - params(archs, shape, classes) / 1e6) > 1e-6
    assert not off.all(axis=0).any()
    assert off.any(axis=0).sum() == 204


@pytest.mark.parametrize("dataset", PUBLISHED)
def test_published_extremes_of_flops(dataset: str) -> None:
    """As printed by users of NATS-Bench's API: millions, the linear layer's bias counted."""
    shape, classes, least, most = PUBLISHED[dataset]
    found = (flops(NB201.all(), shape, classes) + classes) / 1e6
    assert found.min() == pytest.approx(least, abs=1e-6)
    assert found.max() == pytest.approx(most, abs=1e-6)


def test_the_card_lists_the_cells_whose_stored_size_is_wrong() -> None:
    bench: Any = workbench.benchmark("nb201/cifar10")
    listed = bench.card.partition("## Cells with a wrong `model_size`")[2]
    codes = listed.partition("```")[2].partition("```")[0].split()
    assert codes == ["".join(map(str, row)) for row in bench.model_size_errors().tolist()]
    assert len(codes) == 204


@pytest.mark.parametrize(("count", "shape", "classes", "settings"), BUILT)
def test_built_networks_agree(
    count: int, shape: Any, classes: int, settings: dict[str, int]
) -> None:
    """200 random cells in three networks: parameters by counting, FLOPs by torch."""
    archs = NB201.sample(count, np.random.default_rng(3))
    without = {k: v for k, v in settings.items() if k != "stem_stride"}
    expected = params(archs, shape, classes, **without)
    operations = flops(archs, shape, classes, **settings)
    for arch, size, work in zip(archs.tolist(), expected, operations, strict=True):
        network = build(NB201, tuple(arch), shape, classes, **settings).eval()
        assert sum(p.numel() for p in network.parameters()) == size
        with FlopCounterMode(display=False) as counter, torch.inference_mode():
            network(torch.zeros(1, *shape))
        assert counter.get_total_flops() == 2 * work


def test_what_is_built_by_name_is_that_network() -> None:
    network = build(NB201, (3, 3, 2, 3, 1, 4), (3, 32, 32), 10)
    assert sum(p.numel() for p in network.parameters()) == params(np.array([[3, 3, 2, 3, 1, 4]]))[0]
