"""What studies of every kind are made of: benchmarks, names, a seed, and the runs that follow.

A study is frozen: its canonical JSON is what a study folder holds, and what a changed file is
compared with.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from workbench.errors import Fault

Count = Annotated[int, Field(ge=1, strict=True)]
Label = Annotated[str, Field(max_length=80, pattern=r"^[^\x00-\x1f_][^\x00-\x1f]*$")]
Name = Annotated[str, Field(min_length=1, max_length=4096)]


class Section(BaseModel):
    """Part of a study file; unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Entry(BaseModel):
    """A plug-in that is compared, with its own parameters beside it."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True)

    name: Name
    label: Label = ""

    @property
    def parameters(self) -> dict[str, Any]:
        """The plug-in's own parameters as written."""
        return dict(self.model_extra or {})

    def default_label(self) -> str:
        """Return what the entry is called where the study gives it no label."""
        return stem(self.name)


class BenchmarkEntry(Section):
    """A benchmark by name, or a table of the user's own.

    ``network``, ``training``, ``data`` and ``device`` are of live training, see
    ``workbench.data.live``.
    """

    name: Name
    label: str = ""
    score: str | None = None
    table: str | None = None
    space: str | None = None
    architecture: str | None = None
    direction: Literal["max", "min"] = "max"
    test: str | list[str] | None = None
    cost: str | list[str] | None = None
    metrics: list[str] = []
    columns: str | list[str] | None = None
    allow_missing: bool = False
    network: dict[str, Any] = {}
    training: dict[str, Any] = {}
    data: dict[str, Any] = {}
    device: Literal["cpu", "cuda"] = "cpu"

    @property
    def options(self) -> dict[str, Any]:
        """What is said of live training."""
        said = {"network": self.network, "training": self.training, "data": self.data}
        found: dict[str, Any] = {key: values for key, values in said.items() if values}
        return found if self.device == "cpu" else found | {"device": self.device}

    def default_label(self) -> str:
        """Return the name; of a benchmark in a plug-in file, without its folder."""
        return map_paths(self.name, lambda path: Path(path).stem)  # type: ignore[no-any-return]

    @model_validator(mode="after")
    def _whole(self) -> BenchmarkEntry:
        own = {"space", "architecture", "direction", "test", "cost", "metrics", "columns"}
        own |= {"allow_missing"}
        if self.table is None:
            fields = type(self).model_fields
            wrong = sorted(k for k in own if getattr(self, k) != fields[k].default)
            if wrong:
                raise ValueError(f"{', '.join(wrong)} belong to a table of your own: add table=")
        elif self.space is None or self.columns is None:
            raise ValueError("a table of your own needs space= and columns= (those of the score)")
        elif self.options:
            raise ValueError(f"{', '.join(self.options)} belong to live/..., not to a table")
        elif self.score is not None:
            raise ValueError("the score of your own table is named by columns=, not score=")
        return self


class Budget(Section):
    """When a run ends: after so many queries, so many simulated seconds, or the first of both."""

    queries: Count | None = None
    seconds: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None

    @model_validator(mode="after")
    def _some(self) -> Budget:
        if self.queries is None and self.seconds is None:
            raise ValueError("give queries, seconds or both")
        return self


class SearchedBenchmark(BenchmarkEntry):
    """A benchmark that strategies search.

    ``epochs`` is how long trainings are, where not whole: what is found is judged by whole ones all
    the same. ``budget`` is its own in place of the study's.
    """

    epochs: Count | None = None
    budget: Budget | None = None


class Study(Section):
    """What studies of every kind have in common.

    A kind adds the list of what it compares, named by ``COMPARED``.
    """

    COMPARED: ClassVar[str]

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
    kind: str
    seed: Annotated[int, Field(ge=0, strict=True)] = 0
    replicates: Count = 30
    benchmarks: Annotated[Sequence[BenchmarkEntry], Field(min_length=1)]

    @model_validator(mode="before")
    @classmethod
    def _names_alone(cls, data: Any) -> Any:
        """Let a plain name stand for a section that holds nothing else."""
        if isinstance(data, dict):
            for key in ("benchmarks", cls.COMPARED):
                if isinstance(data.get(key), list):
                    data = data | {
                        key: [{"name": e} if isinstance(e, str) else e for e in data[key]]
                    }
        return data

    @model_validator(mode="after")
    def _labels(self) -> Self:
        named: list[BenchmarkEntry | Entry] = [*self.benchmarks, *self.entries]
        for one in named:
            if not one.label:
                object.__setattr__(one, "label", one.default_label())
        for kind, labels in (
            ("benchmarks", [e.label for e in self.benchmarks]),
            (self.COMPARED, [e.label for e in self.entries]),
        ):
            twice = sorted({x for x in labels if labels.count(x) > 1})
            if twice:
                raise ValueError(
                    f"{kind} appear twice: {', '.join(twice)}; give each its own label="
                )
        return self

    @property
    def entries(self) -> Sequence[Entry]:
        """What is compared: strategies, predictors, proxies."""
        found: Sequence[Entry] = getattr(self, self.COMPARED)
        return found

    def canonical(self) -> str:
        """Return the study as canonical JSON, one key a line; equal studies give equal text."""
        return json.dumps(self.model_dump(mode="json"), indent=1, sort_keys=True)

    def identity(self) -> str:
        """Return the canonical JSON without the folders of files, whose content is hashed anyway.

        Two studies of one identity are the same, wherever they and their files lie.
        """
        data = map_paths(self.model_dump(mode="json"), lambda path: Path(path).name)
        return json.dumps(data, indent=1, sort_keys=True)

    def plugin_files(self) -> list[str]:
        """Return the plug-in files that the study names, of whatever kind."""
        found: list[str] = []

        def note(path: str) -> str:
            found.append(path)
            return path

        map_paths(self.model_dump(mode="json"), note)
        return sorted({path for path in found if path.endswith(".py")})

    def compact(self) -> str:
        """Return the study as JSON without what is at its default; ``load_study`` reads it."""
        data = self.model_dump(mode="json", exclude_defaults=True) | {"kind": self.kind}
        return json.dumps(data, indent=1)

    def replicates_on(self, benchmark: int) -> int:  # noqa: ARG002
        """Return how many replicates there are on a benchmark, by its position."""
        return self.replicates

    def compares(self, benchmark: int, entry: int) -> bool:  # noqa: ARG002
        """Return whether an entry runs on a benchmark, both by position."""
        return True

    @property
    def runs(self) -> int:
        """Number of runs: benchmarks x what is compared x replicates."""
        return len(self.run_list)

    def spec(self, number: int) -> RunSpec:
        """Return the run of a number below ``runs``: benchmarks outermost, replicates innermost."""
        return RunSpec(number, self, *self.run_list[number])

    def together(self, number: int) -> Hashable:
        """Return what is the same of runs that one process had better do: here each is alone."""
        return number

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy with some fields replaced, which are not checked."""
        copied = super().model_copy(update=update, deep=deep)
        copied.__dict__.pop("run_list", None)
        return copied

    @cached_property
    def run_list(self) -> list[tuple[int, int, int]]:
        """Benchmark, entry and replicate of every run, by position."""
        return [
            (bench, entry, replicate)
            for bench in range(len(self.benchmarks))
            for entry in range(len(self.entries))
            if self.compares(bench, entry)
            for replicate in range(self.replicates_on(bench))
        ]

    def smoke(self) -> Self:
        """Return a version of the study that runs in seconds, to see that it runs at all."""
        raise NotImplementedError

    def name_faults(self, source: str) -> Iterator[Fault]:
        """Yield what is wrong with the names of plug-ins and of their parameters."""
        raise NotImplementedError

    def effective_parameters(self) -> dict[str, dict[str, Any]]:
        """Return every parameter of each entry as it runs, by label."""
        raise NotImplementedError


class RunSpec(NamedTuple):
    """One run: which benchmark, which entry, which replicate of a study."""

    number: int
    study: Any
    benchmark: int
    entry: int
    replicate: int


def stem(name: str) -> str:
    """Return a plug-in's name; of a plug-in file, without its folder and suffix."""
    return Path(name).stem if name.endswith(".py") else name


def map_paths(value: Any, change: Callable[[str], str], key: str = "") -> Any:
    """Return nested data with every path changed: of a table, of data, or of a plug-in file."""
    if isinstance(value, dict):
        return {k: map_paths(v, change, k) for k, v in value.items()}
    if isinstance(value, list):
        return [map_paths(v, change, key) for v in value]
    if isinstance(value, str):
        file, suffix, dataset = value.partition(".py/")
        if suffix:
            return f"{change(file + '.py')}/{dataset}"
        if value.endswith(".py") or key in ("table", "path"):
            return change(value)
    return value
