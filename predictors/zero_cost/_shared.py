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
        self._values: dict[str, Any] = {}
        self._seconds: dict[str, float] = {}
        self._reads: dict[str, set[str]] = {}
        self._open: list[str] = []
        self._inner: list[float] = []

    def once(self, name: str, compute: Callable[[], Value]) -> Value:
        """Return a value, computed when first asked for; whoever asks has read it."""
        if name not in self._values:
            with self.computing(name):
                self._values[name] = compute()
        if self._open:
            self._reads[self._open[-1]] |= {name} | self._reads[name]
        found: Value = self._values[name]
        return found

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

    def alone(self, *names: str) -> float:
        """Return the CPU seconds of computations and of all that they have read, each once."""
        parts = set(names).union(*(self._reads[name] for name in names))
        return sum(self._seconds[part] for part in parts)


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
        return ledger.once(f"pass {self.name}", lambda: self.compute(owner))
