"""``study.toml`` -> ``Study`` -> ``RunSpec``: what is compared, on what, how often, for how long.

Unknown keys, wrong types and values are errors that name the place, all at once. The key ``kind``
says what a study compares; without it, strategies.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, get_args

import pydantic
from pydantic import BaseModel

from workbench.errors import StudyError, did_you_mean, together
from workbench.harness.curve_study import CurveStudy
from workbench.harness.predictor_study import PredictorStudy
from workbench.harness.proxy_study import ProxyStudy
from workbench.harness.search_study import SearchStudy
from workbench.harness.sections import Study, map_paths
from workbench.harness.strategy_study import StrategyStudy

KINDS: dict[str, type[Study]] = {
    "strategies": StrategyStudy,
    "predictors": PredictorStudy,
    "proxies": ProxyStudy,
    "curves": CurveStudy,
    "search": SearchStudy,
}


def load_study(path: Path, overrides: Sequence[str] = ()) -> Study:
    """Return the study of a TOML (or JSON) file, with ``key=value`` overrides applied, checked.

    Relative paths inside the file (own tables, plug-in files) are relative to its folder.

    Raises
    ------
    StudyError
        The file cannot be read, or anything in it is unknown, of a wrong type or of a wrong value.
    MissingExtra
        All that is wrong is that a plug-in needs a package that is not installed.
    """
    try:
        read = json.loads if path.suffix == ".json" else tomllib.loads
        data = read(path.read_text(encoding="utf-8"))
        if not isinstance(data, dict):
            raise ValueError("not a study: a mapping is wanted")
    except (OSError, ValueError) as error:  # every reader's own error is a ValueError
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise StudyError(f"{path}: {reason}") from None
    for text in overrides:
        override(data, text)
    _anchor(data, path.resolve().parent)
    return parse_study(data, str(path))


def parse_study(data: dict[str, Any], source: str = "study") -> Study:
    """Return the study that a mapping describes, checked as ``load_study`` does."""
    kind = data.get("kind", "strategies")
    if kind not in KINDS:
        hint = did_you_mean(str(kind), KINDS) or f"; there are {', '.join(KINDS)}"
        raise StudyError(f"{source}: kind: unknown kind {kind!r}{hint}")
    try:
        study = KINDS[kind].model_validate(data)
    except pydantic.ValidationError as error:
        raise StudyError("\n".join(_explain(error, source, KINDS[kind]))) from None
    faults = list(study.name_faults(source))
    if faults:
        raise together(faults)
    return study


def stored_study(data: dict[str, Any]) -> Study:
    """Return the study that a study folder holds; its names are not looked up."""
    return KINDS[data["kind"]].model_validate(data)


def _explain(error: pydantic.ValidationError, source: str, kind: type[Study]) -> Iterator[str]:
    for fault in error.errors():
        place = ""
        for part in fault["loc"]:
            place += f"[{part}]" if isinstance(part, int) else f"{'.' if place else ''}{part}"
        message = fault["msg"].removeprefix("Value error, ")
        if fault["type"] == "extra_forbidden":
            message = "unknown key" + did_you_mean(str(fault["loc"][-1]), _keys(fault["loc"], kind))
        elif fault["type"] == "missing":
            message = "missing"
        elif fault["type"] != "value_error":
            message += f"; got {fault['input']!r}"
        yield f"{source}: {place}: {message}" if place else f"{source}: {message}"


def _keys(loc: tuple[str | int, ...], kind: type[Study]) -> list[str]:
    """Return the keys that are known where an unknown one stands."""
    owner: type[BaseModel] = kind
    for part in loc[:-1]:
        if isinstance(part, str) and part in owner.model_fields:
            owner = _model_in(owner.model_fields[part].annotation) or owner
    return list(owner.model_fields)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """Return the model that an annotation such as ``list[Model]`` names."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_model_in, get_args(annotation))), None)


def override(data: dict[str, Any], text: str) -> None:
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
    for section in ("benchmarks", "funnel", *(kind.COMPARED for kind in KINDS.values())):
        if isinstance(data.get(section), (list, dict)):
            data[section] = map_paths(data[section], lambda path: str(folder / path))
