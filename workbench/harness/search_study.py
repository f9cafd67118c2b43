"""A search that trains real networks, and ends with one of them: ``kind = "search"``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from workbench.data._base import Benchmark
from workbench.harness.sections import BenchmarkEntry, Budget, Count, Section
from workbench.harness.stopping import stopping_faults
from workbench.harness.strategy_study import SearchesStudy

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class Final(Section):
    """What follows the search: which architectures are trained again, how often, and beside what.

    The ``top`` best ones are trained with ``seeds`` new seeds each, and the best of them by mean
    validation score is what the search ends with. So is, for comparison, the median of ``random``
    random ones, by their validation scores of one training each.
    """

    top: Count = 3
    seeds: Count = 3
    random: Count = 5


class SearchStudy(SearchesStudy):
    """Everything that determines a search; what comes out depends on the machine's speed too.

    The budget's seconds are those of the clock on the wall; ``budget = "10m"`` is short for them.
    """

    kind: Literal["search"] = "search"
    replicates: Annotated[int, Field(ge=1, le=1)] = 1
    budget: Budget
    benchmarks: Annotated[list[BenchmarkEntry], Field(min_length=1, max_length=1)]
    final: Final = Final()

    @model_validator(mode="before")
    @classmethod
    def _short(cls, data: Any) -> Any:
        """Let a duration stand for the budget, and no strategy for the funnel."""
        if not isinstance(data, dict):
            return data
        data = dict(data)
        if isinstance(data.get("budget"), str):
            data["budget"] = {"seconds": seconds_of(data["budget"])}
        if "strategies" not in data and "funnel" not in data:
            data["strategies"] = [{"name": "filtered"}]
        return data

    @model_validator(mode="after")
    def _one(self) -> Self:
        if len(self.strategies) > 1:
            raise ValueError("a search has one strategy; give one of strategies and [funnel]")
        if not self.benchmarks[0].name.startswith("live/"):
            raise ValueError(
                "a search trains networks: name the benchmark live/<space>/<data set>, such as"
                " live/nb201/digits"
            )
        return self

    def smoke(self) -> Self:
        """Return the search with 12 trainings, whatever time they take, and two of the end.

        The first round of the funnel asks for 8, of which 2 go to the last epoch.
        """
        budget = Budget(queries=12)
        changed = {"name": f"{self.name}-smoke", "budget": budget}
        return self.model_copy(update=changed | {"final": Final(top=1, seeds=1, random=1)})

    def identity(self) -> str:
        """Return the canonical JSON without paths, how long it goes on, and what follows then.

        A search with more time is the same search, that goes on.
        """
        endless = self.model_copy(update={"budget": Budget(queries=1), "final": Final()})
        return super(SearchStudy, endless).identity()


def seconds_of(text: str) -> float:
    """Return a duration such as ``90s``, ``10m``, ``1h30m`` in seconds.

    Raises
    ------
    ValueError
        It is none.
    """
    dense = text.replace(" ", "")
    parts = re.findall(r"(\d+(?:\.\d+)?)([smhd])", dense)
    if not parts or "".join(map("".join, parts)) != dense:
        raise ValueError(f"a budget is a duration such as 90s, 10m or 1h30m; got {text!r}")
    seconds = sum(float(count) * _UNITS[unit] for count, unit in parts)
    if seconds <= 0:
        raise ValueError(f"a budget is longer than nothing; got {text!r}")
    return seconds


def facts(bench: Any) -> dict[str, Any]:
    """Return what the report wants to know: how networks are made and trained, and on what."""
    made = bench.networks
    return {
        "epochs": bench.epochs[-1],
        "network": made.settings,
        "training": bench.settings,
        "data": made.dataset,
    }


def faults(study: SearchStudy, benchmarks: Sequence[Benchmark]) -> Iterator[str]:
    """Yield where a strategy does not fit the benchmark."""
    rule = study.strategies[0].stopping
    if rule is not None:
        yield from (f"strategies[0].stopping: {f}" for f in stopping_faults(rule, benchmarks[0]))
