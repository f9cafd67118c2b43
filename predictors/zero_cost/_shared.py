"""Values computed when first read, with the seconds that each reader would take alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Generic, TypeVar, overload

Value = TypeVar("Value")


class Ledger:
    """Who read what, and how many CPU seconds each computation took by itself."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self._seconds: dict[str, float] = {}
        self._reads: dict[str, set[str]] = {}
        self._open: list[str] = []
        self._inner: list[float] = []

    @contextmanager
    def computing(self, name: str) -> Iterator[None]:
        """Measure a computation; what others take that it reads is theirs."""
        self._open.append(name)
        self._inner.append(0.0)
        self._reads[name] = set()
        started = time.process_time()
        try:
            yield
        finally:
            spent = time.process_time() - started
            self._open.pop()
            self._seconds[name] = spent - self._inner.pop()
            if self._inner:
                self._inner[-1] += spent

    def note(self, name: str) -> None:
        """Note that what is being computed reads a value, and all that this one has read."""
        if self._open:
            self._reads[self._open[-1]] |= {name} | self._reads[name]

    def alone(self, name: str) -> float:
        """Return the CPU seconds of a computation and of all that it has read, each once."""
        return sum(self._seconds[part] for part in {name} | self._reads[name])


class shared(Generic[Value]):  # noqa: N801
    """A method whose value is computed once, like ``cached_property``, and booked in a ledger."""

    def __init__(self, compute: Callable[[Any], Value]) -> None:
        self.compute = compute
        self.__doc__ = compute.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, owner: None, kind: type) -> shared[Value]: ...
    @overload
    def __get__(self, owner: object, kind: type) -> Value: ...
    def __get__(self, owner: Any, kind: type) -> Any:
        if owner is None:
            return self
        ledger: Ledger = owner.ledger
        if self.name not in ledger.values:
            with ledger.computing(self.name):
                ledger.values[self.name] = self.compute(owner)
        ledger.note(self.name)
        return ledger.values[self.name]
