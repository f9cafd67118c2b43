"""Six small networks, their zero-cost scores, and a proxy that refuses some, for tests."""

from __future__ import annotations

from typing import Any

import numpy as np

from workbench.proxies import Noise, ZeroCost, measure
from workbench.spaces import space

NB201 = space("nb201")
ARCHS = NB201.sample(6, np.random.default_rng(0))
NOISE = Noise((1, 8, 8), 3)
SMALL = {"channels": 4, "cells": 1, "stages": 1}
FEW = ("snip", "synflow", "swap", "az_nas")
Options = dict[str, Any]
FUSSY = """
from workbench.errors import ParameterError
from workbench.predictors.zero_cost._base import Proxy

class Fussy(Proxy):
    '''The number of weights, of networks with more than {least}.'''

    higher_is_better = False

    def score(self, passes):
        count = sum(weight.numel() for weight in passes.weights)
        if count <= {least}:
            raise ParameterError("too small")
        return float(count)
"""


def transformer(**options: Any) -> ZeroCost:
    """Return the transformer of four proxies on noise, or with other options."""
    given: Options = {"proxies": FEW, "network": SMALL, "batch_size": 8, "dataset": NOISE} | options
    return ZeroCost(NB201, **given)


def measured(archs: Any = ARCHS, proxies: Any = FEW, **options: Any) -> Any:
    """Return scores and seconds of four proxies on noise, each ``(n, proxies)``."""
    given: Options = {"network": SMALL, "batch_size": 8} | options
    return measure(NB201, archs, NOISE, proxies, **given)
