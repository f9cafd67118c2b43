"""A comparison of search strategies: ``kind = "strategies"``, the kind that needs not be named."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from workbench import registry
from workbench.errors import Fault, ParameterError, WorkbenchError, at, did_you_mean
from workbench.harness.extrapolating import extrapolator_faults
from workbench.harness.sections import Budget, Count, Entry, SearchedBenchmark, Study, stem
from workbench.harness.stopping import Stopping

_SMOKE_QUERIES = 12


class StrategyEntry(Entry):
    """A strategy by name, with its own parameters beside it, and perhaps a preset of them.

    ``stopping`` names an extrapolator, or says more, by which hopeless trainings are stopped.
    """

    preset: str | None = None
    stopping: Stopping | None = None

    def default_label(self) -> str:
        """Return the name, with the preset and the extrapolator where there are such."""
        said = [self.preset, f"stopped by {self.stopping.name}" if self.stopping else None]
        words = ", ".join(filter(None, said))
        return f"{stem(self.name)} ({words})" if words else stem(self.name)


class SearchesStudy(Study):
    """What studies that run strategies have in common."""

    COMPARED: ClassVar[str] = "strategies"

    strategies: Annotated[list[StrategyEntry], Field(min_length=1)]

    @model_validator(mode="before")
    @classmethod
    def _funnels(cls, data: Any) -> Any:
        """Let ``[funnel]`` stand for an entry of ``filtered``, and ``ablate`` for several."""
        return with_ablations(data) if isinstance(data, dict) else data

    def name_faults(self, source: str) -> Iterator[Fault]:
        """Yield what is wrong with the names of strategies and of their parameters."""
        for i, entry in enumerate(self.strategies):
            place = f"{source}: strategies[{i}]"
            if (rule := entry.stopping) is not None:
                for key, fault in extrapolator_faults(rule.name, rule.parameters):
                    yield at(f"{place}.stopping.extrapolator.{key}", fault)
            try:
                cls = registry.load("strategies", entry.name)
                arguments = strategy_arguments(entry)
            except ParameterError as error:
                yield f"{place}.preset: {error}"
            except WorkbenchError as error:
                yield at(f"{place}.name", error)
            else:
                known = list(inspect.signature(cls.__init__).parameters)[3:]
                for key in arguments:
                    if key not in known:
                        hint = did_you_mean(key, known) or "; it takes no parameters"
                        yield f"{place}.{key}: unknown parameter of {entry.name}{hint}"

    def effective_parameters(self) -> dict[str, dict[str, Any]]:
        """Return every parameter of each strategy as it runs: defaults, preset, the study's."""
        return {entry.label: effective_parameters(entry) for entry in self.strategies}


class StrategyStudy(SearchesStudy):
    """Everything that determines the numbers of a comparison of strategies."""

    kind: Literal["strategies"] = "strategies"
    workers: Count = 1
    expose: list[str] = []
    budget: Budget
    benchmarks: Annotated[list[SearchedBenchmark], Field(min_length=1)]

    def budget_on(self, benchmark: int) -> Budget:
        """Return the budget of a run on a benchmark, by its position."""
        return self.benchmarks[benchmark].budget or self.budget

    def smoke(self) -> Self:
        """Return the study with one replicate and at most 12 queries a run."""
        small = [
            b.model_copy(update={"budget": b.budget and _few(b.budget)}) for b in self.benchmarks
        ]
        fields = {"name": f"{self.name}-smoke", "budget": _few(self.budget), "replicates": 1}
        return self.model_copy(update=fields | {"benchmarks": small})


def _few(budget: Budget) -> Budget:
    queries = min(budget.queries or _SMOKE_QUERIES, _SMOKE_QUERIES)
    return budget.model_copy(update={"queries": queries})


def with_ablations(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return a study in which what ``[funnel]`` and ``ablate = true`` stand for is written out.

    Raises
    ------
    ValueError
        A section that is no mapping, or ``ablate`` of what has no stages to leave out.
    """
    data = dict(data)
    entries = data.get("strategies", [])
    if "funnel" in data:
        section = data.pop("funnel")
        if not isinstance(section, Mapping) or "name" in section:
            raise ValueError("[funnel] holds parameters of filtered, and no name")
        entries = [*entries, {"name": "filtered", **section}]
    if isinstance(entries, list) and entries:
        data["strategies"] = [one for entry in entries for one in _ablated(entry)]
    return data


def _ablated(entry: Any) -> list[Any]:
    """Return an entry, and after it, if it says ``ablate``, one without each of its stages."""
    if not isinstance(entry, Mapping) or "ablate" not in entry:
        return [entry]
    whole = {key: value for key, value in entry.items() if key != "ablate"}
    if not isinstance(entry["ablate"], bool):
        raise ValueError(f"ablate must be true or false; got {entry['ablate']!r}")
    if not entry["ablate"]:
        return [whole]
    name = str(whole.get("name"))
    try:
        signature = inspect.signature(registry.load("strategies", name).__init__).parameters
    except WorkbenchError:
        return [whole]  # what is wrong with the name is said with all other faults
    if "stages" not in signature:
        raise ValueError(f"ablate leaves out one stage each, and {name} has no stages")
    stages = whole.get("stages", signature["stages"].default)
    if not isinstance(stages, (list, tuple)):
        return [whole]
    label = whole.get("label") or stem(name)
    return [whole] + [
        whole | {"label": f"{label} without {left}", "stages": [s for s in stages if s != left]}
        for left in stages
    ]


def strategy_arguments(entry: StrategyEntry) -> dict[str, Any]:
    """Return the keyword arguments of a strategy: its preset's, then what the study writes."""
    cls = registry.load("strategies", entry.name)
    if entry.preset is None:
        return entry.parameters
    if entry.preset not in cls.PRESETS:
        hint = did_you_mean(entry.preset, cls.PRESETS) or "; it has none"
        raise ParameterError(f"unknown preset {entry.preset!r} of {entry.name}{hint}")
    return dict(cls.PRESETS[entry.preset]) | entry.parameters


def takes_epochs(entry: StrategyEntry) -> bool:
    """Return whether a strategy wants to know at which epochs its benchmark has scores."""
    cls = registry.load("strategies", entry.name)
    return "epochs" in inspect.signature(cls.__init__).parameters


def effective_parameters(entry: StrategyEntry) -> dict[str, Any]:
    """Return every parameter of a strategy as it runs: defaults, then preset, then the study's.

    Epochs that no study sets are each benchmark's own, and said to be.
    """
    cls = registry.load("strategies", entry.name)
    signature = inspect.signature(cls.__init__).parameters
    defaults = {k: p.default for k, p in list(signature.items())[3:] if p.default is not p.empty}
    if takes_epochs(entry):
        defaults["epochs"] = "those of the benchmark"
    if entry.stopping is not None:
        defaults["stopping"] = entry.stopping.model_dump()
    return defaults | strategy_arguments(entry)
