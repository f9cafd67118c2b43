"""What is to be measured: ``table.toml``."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from workbench.errors import DataMissing, StudyError
from workbench.seeds import generator
from workbench.spaces import Space
from workbench.spaces import space as named_space
from workbench.types import Archs

FILE = "table.toml"

Count = Annotated[int, Field(ge=1, strict=True)]


class TablePlan(BaseModel):
    """A space, a data set, a network and a training, all seeds of an architecture together.

    Attributes
    ----------
    space, data : str
        Names; one architecture of each isomorphism class is measured.
    summary : str
        One line for whoever lists benchmarks.
    seeds : int
        Trainings of each architecture, which run side by side in one stacked network.
    order : int
        Seed of the order in which architectures are measured: any beginning of it is a uniform
        sample of the classes.
    part : int
        Architectures in a file.
    options, network, training : dict
        Of the data set, of the network, and ``workbench.training.settings.Settings``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    space: str
    data: str
    summary: str = ""
    seeds: Count = 3
    order: Annotated[int, Field(ge=0, strict=True)] = 0
    part: Count = 500
    options: dict[str, Any] = {}
    network: dict[str, Any] = {}
    training: dict[str, Any] = {}

    @cached_property
    def whole(self) -> Space:
        """The space."""
        return named_space(self.space)

    @cached_property
    def archs(self) -> Archs:
        """One architecture a class, ``(n, d)``, in the order in which they are measured."""
        every = np.unique(self.whole.canonical(self.whole.all()), axis=0)
        order = generator("table", self.space, self.order).permutation(len(every))
        return every[order]

    def determines(self) -> dict[str, Any]:
        """Return all that the numbers and their files depend on."""
        return self.model_dump(mode="json", exclude={"summary"})

    def changed_from(self, then: Mapping[str, Any]) -> list[str]:
        """Return the keys that say something else than when a part was measured."""
        now = self.determines()
        changed = [key for key in now if key in then and now[key] != then[key]]
        return [f"{key} = {now[key]!r} (then {then[key]!r})" for key in changed]


def load_plan(folder_or_file: Path) -> TablePlan:
    """Return the plan of a folder, or of a file.

    Raises
    ------
    DataMissing
        There is none.
    StudyError
        It is not TOML, or holds what a plan does not; says where.
    """
    path = folder_or_file / FILE if folder_or_file.is_dir() else folder_or_file
    try:
        return TablePlan(**tomllib.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise DataMissing(
            f"there is no {path}; it says what to measure, see docs/tables.md"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise StudyError(f"{path} is not TOML: {error}") from error
    except ValidationError as error:
        faults = [
            f"{path}: {_place(e['loc'])}: {e['msg']}; got {e['input']!r}" for e in error.errors()
        ]
        raise StudyError("\n".join(faults)) from error


def _place(location: tuple[int | str, ...]) -> str:
    return ".".join(map(str, location))
