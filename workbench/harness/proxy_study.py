"""A comparison of zero-cost proxies: ``kind = "proxies"``.

Networks are built and scored, none is trained: how well does the order of the scores agree with
what a table says of the same architectures? Counting parameters and multiply-adds is always among
what is compared, as in White, Khodak, Tu, Shah, Bubeck and Dey, "A Deeper Look at Zero-Cost Proxies
for Lightweight NAS", ICLR Blog Track 2022.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from workbench import registry
from workbench.errors import Fault, WorkbenchError, at
from workbench.harness.sections import BenchmarkEntry, Count, Entry, Name, Study

COUNTS = ("params", "flops")
"""What every proxy must beat to be worth its time."""

FEWEST = 10
"""Architectures that a comparison needs."""

_SMOKE_BATCH = 8


class ProxyBenchmark(BenchmarkEntry):
    """A benchmark, and how the networks of its architectures are built and scored.

    ``dataset`` is a data set by name with its options, or ``{name = "noise", shape = [3, 32, 32],
    classes = 10}``; ``build`` holds settings of the network. Of a table that was measured here both
    are known. ``sample`` architectures are scored, uniformly drawn; all if it is not given.
    """

    dataset: dict[str, Any] | None = None
    build: dict[str, Any] | None = None
    batch_size: Annotated[int, Field(ge=2, strict=True)] = 64
    sample: Annotated[int, Field(ge=FEWEST, strict=True)] | None = None
    replicates: Count | None = None

    @field_validator("dataset", mode="before")
    @classmethod
    def _by_name(cls, given: Any) -> Any:
        return {"name": given} if isinstance(given, str) else given

    @model_validator(mode="after")
    def _named(self) -> Self:
        if self.dataset is not None and not isinstance(self.dataset.get("name"), str):
            raise ValueError('dataset must be a mapping with a name, such as { name = "digits" }')
        return self


class ProxyEntry(Entry):
    """A proxy, or an aggregate of several, by name or by the path of its file."""


def _every() -> list[ProxyEntry]:
    from workbench.proxies import ALL

    return [ProxyEntry(name=name) for name in ALL]


class ProxyStudy(Study):
    """Everything that determines the numbers of a comparison of proxies.

    A replicate is another batch and other initial weights, on the same architectures. ``top`` is
    the part of the architectures, truly the best, within which order is measured once more.
    """

    COMPARED: ClassVar[str] = "proxies"

    kind: Literal["proxies"] = "proxies"
    replicates: Count = 3
    top: Annotated[float, Field(gt=0, le=0.5)] = 0.1
    benchmarks: Annotated[list[ProxyBenchmark], Field(min_length=1)]
    proxies: Annotated[list[ProxyEntry], Field(min_length=1, default_factory=_every)]

    @model_validator(mode="before")
    @classmethod
    def _counted(cls, data: Any) -> Any:
        """Add the counts where a study leaves them out, last: what was named keeps its place."""
        if isinstance(data, dict) and isinstance(data.get("proxies"), list):
            given = data["proxies"]
            names = [e.get("name") if isinstance(e, dict) else e for e in given]
            data = data | {"proxies": [*given, *(n for n in COUNTS if n not in names)]}
        return data

    def replicates_on(self, benchmark: int) -> int:
        """Return how many replicates there are on a benchmark, by its position."""
        return self.benchmarks[benchmark].replicates or self.replicates

    def together(self, number: int) -> Hashable:
        """Return benchmark and replicate: all proxies look at the networks of one batch."""
        bench, _, replicate = self.run_list[number]
        return bench, replicate

    @property
    def names(self) -> list[Name]:
        """The names of all proxies."""
        return [entry.name for entry in self.proxies]

    def smoke(self) -> Self:
        """Return the study with a few architectures, a small batch, one benchmark a family."""
        first: dict[str, ProxyBenchmark] = {}
        for bench in self.benchmarks:
            first.setdefault(bench.name.partition("/")[0], bench)
        update = {"sample": FEWEST, "replicates": None, "batch_size": _SMOKE_BATCH}
        return self.model_copy(
            update={
                "name": f"{self.name}-smoke",
                "replicates": 1,
                "benchmarks": [b.model_copy(update=update) for b in first.values()],
            }
        )

    def name_faults(self, source: str) -> Iterator[Fault]:
        """Yield what is wrong with the names of proxies."""
        for i, entry in enumerate(self.proxies):
            place = f"{source}: proxies[{i}]"
            try:
                registry.load("proxies", entry.name)
            except WorkbenchError as error:
                yield at(f"{place}.name", error)
            for key in entry.parameters:
                yield f"{place}.{key}: unknown key; a proxy has a name and a label, no parameters"

    def effective_parameters(self) -> dict[str, dict[str, Any]]:
        """Return nothing for each proxy: they take no parameters."""
        return {entry.label: {} for entry in self.proxies}
