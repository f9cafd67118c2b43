"""``study.toml`` -> ``Study`` -> ``RunSpec``: what is compared, on what, how often, for how long.

Unknown keys, wrong types and values are errors that name the place, all at once. A study is frozen:
its canonical JSON is what a study folder holds, and what a changed file is compared with.
"""

from __future__ import annotations

import inspect
import json
import re
import tomllib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import pydantic
from pydantic import BaseModel, ConfigDict, Field, model_validator

from workbench import registry
from workbench.errors import ParameterError, StudyError, WorkbenchError, did_you_mean

Count = Annotated[int, Field(ge=1, strict=True)]
Label = Annotated[str, Field(max_length=80, pattern=r"^[^\x00-\x1f_][^\x00-\x1f]*$")]
Name = Annotated[str, Field(min_length=1, max_length=4096)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Budget(_Section):
    """When a run ends: after so many queries, so many simulated seconds, or the first of both."""

    queries: Count | None = None
    seconds: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None

    @model_validator(mode="after")
    def _some(self) -> Budget:
        if self.queries is None and self.seconds is None:
            raise ValueError("give queries, seconds or both")
        return self


class BenchmarkEntry(_Section):
    """A benchmark by name, or a table of the user's own."""

    name: Name
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

    @property
    def label(self) -> str:
        """The name; of a benchmark in a plug-in file, without its folder."""
        return _map_paths(self.name, lambda path: Path(path).stem)  # type: ignore[no-any-return]

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
        elif self.score is not None:
            raise ValueError("the score of your own table is named by columns=, not score=")
        return self


class StrategyEntry(BaseModel):
    """A strategy by name, with its own parameters beside it."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True)

    name: Name
    label: Label = ""
    preset: str | None = None

    @property
    def parameters(self) -> dict[str, Any]:
        """The strategy's own parameters as written, without those of the preset."""
        return dict(self.model_extra or {})


class Study(_Section):
    """Everything that determines the numbers of a comparison."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
    kind: Literal["strategies"] = "strategies"
    seed: Annotated[int, Field(ge=0, strict=True)] = 0
    replicates: Count = 30
    workers: Count = 1
    expose: list[str] = []
    budget: Budget
    benchmarks: Annotated[list[BenchmarkEntry], Field(min_length=1)]
    strategies: Annotated[list[StrategyEntry], Field(min_length=1)]

    @model_validator(mode="before")
    @classmethod
    def _names_alone(cls, data: Any) -> Any:
        """Let a plain name stand for a section that holds nothing else."""
        if isinstance(data, dict):
            for key in ("benchmarks", "strategies"):
                if isinstance(data.get(key), list):
                    data = data | {
                        key: [{"name": e} if isinstance(e, str) else e for e in data[key]]
                    }
        return data

    @model_validator(mode="after")
    def _labels(self) -> Study:
        for entry in self.strategies:
            if not entry.label:
                stem = Path(entry.name).stem if entry.name.endswith(".py") else entry.name
                label = f"{stem} ({entry.preset})" if entry.preset else stem
                object.__setattr__(entry, "label", label)
        for kind, labels in (
            ("benchmarks", [e.label for e in self.benchmarks]),
            ("strategies", [e.label for e in self.strategies]),
        ):
            twice = sorted({x for x in labels if labels.count(x) > 1})
            if twice:
                remedy = "give each its own label=" if kind == "strategies" else "name each once"
                raise ValueError(f"{kind} appear twice: {', '.join(twice)}; {remedy}")
        return self

    def canonical(self) -> str:
        """Return the study as canonical JSON, one key a line; equal studies give equal text."""
        return json.dumps(self.model_dump(mode="json"), indent=1, sort_keys=True)

    def identity(self) -> str:
        """Return the canonical JSON without the folders of files, whose content is hashed anyway.

        Two studies of one identity are the same, wherever they and their files lie.
        """
        data = _map_paths(self.model_dump(mode="json"), lambda path: Path(path).name)
        return json.dumps(data, indent=1, sort_keys=True)

    def plugin_files(self) -> list[str]:
        """Return the plug-in files that the study names, of whatever kind."""
        found: list[str] = []

        def note(path: str) -> str:
            found.append(path)
            return path

        _map_paths(self.model_dump(mode="json"), note)
        return sorted({path for path in found if path.endswith(".py")})

    def compact(self) -> str:
        """Return the study as JSON without what is at its default; ``load_study`` reads it."""
        return json.dumps(self.model_dump(mode="json", exclude_defaults=True), indent=1)

    @property
    def runs(self) -> int:
        """Number of runs: benchmarks x strategies x replicates."""
        return len(self.benchmarks) * len(self.strategies) * self.replicates

    def spec(self, number: int) -> RunSpec:
        """Return the run of a number below ``runs``: benchmarks outermost, replicates innermost."""
        rest, replicate = divmod(number, self.replicates)
        bench, strategy = divmod(rest, len(self.strategies))
        return RunSpec(number, self, bench, strategy, replicate)


class RunSpec(NamedTuple):
    """One run: which benchmark, which strategy, which replicate of a study."""

    number: int
    study: Study
    benchmark: int
    strategy: int
    replicate: int


def load_study(path: Path, overrides: Sequence[str] = ()) -> Study:
    """Return the study of a TOML (or JSON) file, with ``key=value`` overrides applied, checked.

    Relative paths inside the file (own tables, plug-in files) are relative to its folder.

    Raises
    ------
    StudyError
        The file cannot be read, or anything in it is unknown, of a wrong type or of a wrong value.
    """
    try:
        read = json.loads if path.suffix == ".json" else tomllib.loads
        data = read(path.read_text(encoding="utf-8"))
        if not isinstance(data, dict):
            raise ValueError("not a study: a mapping is wanted")
    except (OSError, ValueError) as error:  # every reader's own error is a ValueError
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise StudyError(f"{path}: {reason}") from None
    for override in overrides:
        _override(data, override)
    _anchor(data, path.resolve().parent)
    return parse_study(data, str(path))


def parse_study(data: dict[str, Any], source: str = "study") -> Study:
    """Return the study that a mapping describes, checked as ``load_study`` does."""
    try:
        study = Study.model_validate(data)
    except pydantic.ValidationError as error:
        raise StudyError("\n".join(_explain(error, source))) from None
    faults = list(_plugin_faults(study, source))
    if faults:
        raise StudyError("\n".join(faults))
    return study


def strategy_arguments(entry: StrategyEntry) -> dict[str, Any]:
    """Return the keyword arguments of a strategy: its preset's, then what the study writes."""
    cls = registry.load("strategies", entry.name)
    if entry.preset is None:
        return entry.parameters
    if entry.preset not in cls.PRESETS:
        hint = did_you_mean(entry.preset, cls.PRESETS) or "; it has none"
        raise ParameterError(f"unknown preset {entry.preset!r} of {entry.name}{hint}")
    return dict(cls.PRESETS[entry.preset]) | entry.parameters


def effective_parameters(entry: StrategyEntry) -> dict[str, Any]:
    """Return every parameter of a strategy as it runs: defaults, then preset, then the study's."""
    cls = registry.load("strategies", entry.name)
    signature = inspect.signature(cls.__init__).parameters
    defaults = {k: p.default for k, p in list(signature.items())[3:] if p.default is not p.empty}
    return defaults | strategy_arguments(entry)


def _plugin_faults(study: Study, source: str) -> Iterator[str]:
    """Yield what is wrong with the names of strategies and of their parameters."""
    for i, entry in enumerate(study.strategies):
        place = f"{source}: strategies[{i}]"
        try:
            cls = registry.load("strategies", entry.name)
            arguments = strategy_arguments(entry)
        except ParameterError as error:
            yield f"{place}.preset: {error}"
        except WorkbenchError as error:
            yield f"{place}.name: {error}"
        else:
            known = list(inspect.signature(cls.__init__).parameters)[3:]
            for key in arguments:
                if key not in known:
                    hint = did_you_mean(key, known) or "; it takes no parameters"
                    yield f"{place}.{key}: unknown parameter of {entry.name}{hint}"


def _explain(error: pydantic.ValidationError, source: str) -> Iterator[str]:
    for fault in error.errors():
        place = ""
        for part in fault["loc"]:
            place += f"[{part}]" if isinstance(part, int) else f"{'.' if place else ''}{part}"
        message = fault["msg"].removeprefix("Value error, ")
        if fault["type"] == "extra_forbidden":
            message = "unknown key" + did_you_mean(str(fault["loc"][-1]), _keys(fault["loc"]))
        elif fault["type"] == "missing":
            message = "missing"
        elif fault["type"] != "value_error":
            message += f"; got {fault['input']!r}"
        yield f"{source}: {place}: {message}" if place else f"{source}: {message}"


def _keys(loc: tuple[str | int, ...]) -> list[str]:
    owners: dict[str, type[BaseModel]] = {"budget": Budget, "benchmarks": BenchmarkEntry}
    owner = owners.get(str(loc[0]), Study) if len(loc) > 1 else Study
    return list(owner.model_fields)


def _override(data: dict[str, Any], text: str) -> None:
    """Set ``a.b=value`` or ``a[1].b=value`` in place; the value is read as TOML, else as text."""
    key, equals, raw = text.partition("=")
    parts = re.findall(r"[^.\[\]]+", key)
    if not equals or not parts:
        raise StudyError(f"--set {text}: write key=value, such as budget.queries=50")
    try:
        value = tomllib.loads(f"value = {raw}")["value"]
    except tomllib.TOMLDecodeError:
        value = raw
    target: Any = data
    for part, after in zip(parts, [*parts[1:], None], strict=True):
        try:
            if isinstance(target, list):
                place: Any = int(part)
                if isinstance(target[place], str):
                    target[place] = {"name": target[place]}
            else:
                place = part
            if after is None:
                target[place] = value
            elif isinstance(target, dict):
                target = target.setdefault(place, {})
            else:
                target = target[place]
        except (IndexError, ValueError, TypeError):
            raise StudyError(f"--set {text}: there is no {part!r} in {key!r}") from None


def _anchor(data: dict[str, Any], folder: Path) -> None:
    """Make the paths of tables and plug-in files absolute, wherever they stand in an entry."""
    for section in ("benchmarks", "strategies"):
        if isinstance(data.get(section), list):
            data[section] = _map_paths(data[section], lambda path: str(folder / path))


def _map_paths(value: Any, change: Callable[[str], str], key: str = "") -> Any:
    """Return nested data with every path changed: of a table, or of a plug-in file."""
    if isinstance(value, dict):
        return {k: _map_paths(v, change, k) for k, v in value.items()}
    if isinstance(value, list):
        return [_map_paths(v, change, key) for v in value]
    if isinstance(value, str):
        file, suffix, dataset = value.partition(".py/")
        if suffix:
            return f"{change(file + '.py')}/{dataset}"
        if value.endswith(".py") or key == "table":
            return change(value)
    return value
