"""A comparison of performance predictors: ``kind = "predictors"``.

The protocol is that of White, Zela, Ru, Liu and Hutter, "How Powerful are Performance Predictors in
Neural Architecture Search?", NeurIPS 2021, arXiv:2104.01177: fit to n architectures, ask for
others, and see how well the order of the answers is that of the truth.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from workbench import registry
from workbench.errors import Fault, WorkbenchError, at, did_you_mean
from workbench.harness.sections import BenchmarkEntry, Count, Entry, Study, stem

Size = Annotated[int, Field(ge=2, strict=True)]
Sizes = Annotated[list[Size], Field(min_length=1)]
TestSet = Literal["uniform", "mutation"]
Encoding = str | dict[str, Any] | list[str | dict[str, Any]] | None

_SMOKE_SIZES = 2
_SMOKE_LARGEST = 50
_SMOKE_TEST = 200


class PredictorBenchmark(BenchmarkEntry):
    """A benchmark, perhaps with its own number of replicates."""

    replicates: Count | None = None


class PredictorEntry(Entry):
    """A predictor by name, its encoding, and its own parameters beside them.

    ``sizes`` and ``benchmarks`` (names, with ``*`` for anything) restrict where it is compared.
    """

    encoding: Encoding = None
    sizes: Sizes | None = None
    benchmarks: Annotated[list[str], Field(min_length=1)] | None = None

    @property
    def predictor(self) -> dict[str, Any]:
        """The predictor as ``workbench.pipeline`` takes it."""
        return {"name": self.name, **self.parameters}

    def default_label(self) -> str:
        """Return the name, with the encoding's where the study gives one."""
        if self.encoding is None:
            return stem(self.name)
        given = self.encoding if isinstance(self.encoding, list) else [self.encoding]
        names = [stem(e if isinstance(e, str) else str(e.get("name"))) for e in given]
        return f"{stem(self.name)} ({' + '.join(names)})"


class PredictorStudy(Study):
    """Everything that determines the numbers of a comparison of predictors.

    ``labels`` says what is learned from: ``mean`` over the stored training seeds, or ``single``,
    one of them, drawn for each architecture and replicate. What is predicted is always the mean.
    """

    COMPARED: ClassVar[str] = "predictors"

    kind: Literal["predictors"] = "predictors"
    replicates: Count = 20
    sizes: Sizes = [25, 100, 400]
    test: Annotated[int, Field(ge=20, strict=True)] = 1000
    test_sets: Annotated[list[TestSet], Field(min_length=1)] = ["uniform"]
    top: Count = 10
    labels: Literal["mean", "single"] = "mean"
    benchmarks: Annotated[list[PredictorBenchmark], Field(min_length=1)]
    predictors: Annotated[list[PredictorEntry], Field(min_length=1)]

    @model_validator(mode="after")
    def _rising(self) -> Self:
        for place, sizes in [
            ("sizes", self.sizes),
            *((f"predictors[{i}].sizes", e.sizes) for i, e in enumerate(self.predictors)),
        ]:
            if sizes is not None and sizes != sorted({*sizes}):
                raise ValueError(f"{place} must rise; got {sizes}")
        if self.top >= self.test:
            raise ValueError(f"top must be below test; got {self.top} and {self.test}")
        if len({*self.test_sets}) < len(self.test_sets):
            raise ValueError(f"test_sets names one twice: {self.test_sets}")
        for i, entry in enumerate(self.predictors):
            for pattern in entry.benchmarks or []:
                if not any(fnmatchcase(b.label, pattern) for b in self.benchmarks):
                    there = ", ".join(b.label for b in self.benchmarks)
                    place = f"predictors[{i}].benchmarks"
                    raise ValueError(f"{place}: {pattern!r} matches none of {there}")
        return self

    def replicates_on(self, benchmark: int) -> int:
        """Return how many replicates there are on a benchmark, by its position."""
        return self.benchmarks[benchmark].replicates or self.replicates

    def compares(self, benchmark: int, entry: int) -> bool:
        """Return whether a predictor is compared on a benchmark, both by position."""
        patterns = self.predictors[entry].benchmarks
        label = self.benchmarks[benchmark].label
        return patterns is None or any(fnmatchcase(label, pattern) for pattern in patterns)

    def sizes_of(self, entry: int) -> list[int]:
        """Return the training sizes of a predictor, by its position."""
        return self.predictors[entry].sizes or self.sizes

    @property
    def largest(self) -> int:
        """The largest training size of any predictor."""
        return max(max(self.sizes_of(i)) for i in range(len(self.predictors)))

    def smoke(self) -> Self:
        """Return the study with one replicate, small sets, and one benchmark of each family."""
        first: dict[str, PredictorBenchmark] = {}
        for bench in self.benchmarks:
            first.setdefault(bench.name.partition("/")[0], bench)
        kept = [b.model_copy(update={"replicates": None}) for b in first.values()]
        predictors = []
        for entry in self.predictors:
            patterns = entry.benchmarks
            if patterns is not None:
                patterns = [b.label for b in kept if any(fnmatchcase(b.label, p) for p in patterns)]
            if patterns != []:
                update = {"sizes": _few(entry.sizes), "benchmarks": patterns}
                predictors.append(entry.model_copy(update=update))
        return self.model_copy(
            update={
                "name": f"{self.name}-smoke",
                "replicates": 1,
                "sizes": _few(self.sizes),
                "test": min(self.test, _SMOKE_TEST),
                "benchmarks": kept,
                "predictors": predictors,
            }
        )

    def name_faults(self, source: str) -> Iterator[Fault]:
        """Yield what is wrong with the names of predictors and of their parameters."""
        for i, entry in enumerate(self.predictors):
            place = f"{source}: predictors[{i}]"
            try:
                cls = registry.load("predictors", entry.name)
                known = [n for n in inspect.signature(cls).parameters if n != "space"]
            except WorkbenchError as error:
                yield at(f"{place}.name", error)
                continue
            for key in entry.parameters:
                if key not in known:
                    hint = did_you_mean(key, known) or "; it takes no parameters"
                    yield f"{place}.{key}: unknown parameter of {entry.name}{hint}"

    def effective_parameters(self) -> dict[str, dict[str, Any]]:
        """Return every parameter of each predictor as it runs: defaults, then the study's."""
        found = {}
        for entry in self.predictors:
            cls = registry.load("predictors", entry.name)
            made = cls(**entry.parameters).get_params(deep=False)
            made = {k: v for k, v in made.items() if k not in ("space", "random_state")}
            found[entry.label] = {"encoding": entry.encoding or "default", **made}
        return found


def _few(sizes: list[int] | None) -> list[int] | None:
    """Return the smallest of some sizes, none above 50 but at least one."""
    if sizes is None:
        return None
    return [n for n in sizes if n <= _SMOKE_LARGEST][:_SMOKE_SIZES] or [_SMOKE_LARGEST]
