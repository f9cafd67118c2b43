"""Zero-cost proxies: what an untrained network may be worth, from one batch.

``score`` for one network, ``measure`` for a population, ``ZeroCost`` as a transformer, and
``vote``, ``rank_sum`` and ``log_ranks`` to make one number of several. Needs torch, an extra.
"""

from __future__ import annotations

try:
    from workbench.predictors.zero_cost._base import Aggregate, Proxy
    from workbench.predictors.zero_cost._batch import Noise
    from workbench.predictors.zero_cost._passes import Passes
    from workbench.predictors.zero_cost._population import measure
    from workbench.predictors.zero_cost._ranks import log_ranks, rank_sum, vote
    from workbench.predictors.zero_cost._score import ALL, CLASSICAL, columns_of, score
    from workbench.predictors.zero_cost._transformer import ZeroCost
except ModuleNotFoundError as error:
    from workbench.errors import MissingExtra

    raise MissingExtra("zero-cost proxies", "torch") from error

__all__ = [
    "ALL",
    "CLASSICAL",
    "Aggregate",
    "Noise",
    "Passes",
    "Proxy",
    "ZeroCost",
    "columns_of",
    "log_ranks",
    "measure",
    "rank_sum",
    "score",
    "vote",
]
