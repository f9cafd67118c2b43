"""Four proxies that see different things, by their ranks in a population.

Lee and Ham, "AZ-NAS: Assembling Zero-Cost Proxies for Network Architecture Search", 2024,
arXiv:2403.19232.
"""

from __future__ import annotations

from typing import ClassVar

from workbench.predictors.zero_cost._base import Aggregate
from workbench.predictors.zero_cost._ranks import log_ranks
from workbench.types import Floats

EXTRA = "torch"


class AzNas(Aggregate):
    """``sum over expressivity, progressivity, trainability, complexity of log(rank / n)``.

    The best has rank n; complexity is flops. A network that is bad in one of the four is bad.
    """

    parts: ClassVar[tuple[str, ...]] = (
        "az_expressivity",
        "az_progressivity",
        "az_trainability",
        "flops",
    )

    def combine(self, scores: Floats) -> Floats:
        """Return one number a row of ``(n, 4)`` scores."""
        return log_ranks(scores)
