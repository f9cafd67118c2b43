"""Encodings that are learned once a space, from its architectures alone, and kept in the cache."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from hashlib import sha256
from typing import Any, NamedTuple, Self, TypeAlias

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray
from sklearn.exceptions import NotFittedError

from workbench import cache
from workbench.encodings._base import Encoding
from workbench.encodings._graph_batch import GraphBatch, graph_batch
from workbench.encodings._parameters import check_integers
from workbench.spaces import Space
from workbench.types import Archs, Floats, Ints

Weights: TypeAlias = Mapping[str, NDArray[Any]]

VERSION = 1
"""To be raised whenever what is learned changes."""

LISTABLE = 1 << 17
_DIGITS = 6


class Classes(NamedTuple):
    """The isomorphism classes of a listable space: ranks ``(u,)`` and graphs."""

    ranks: Ints
    graphs: GraphBatch
    names: tuple[str, ...]
    content: str


class Learned(Encoding):
    """Embeddings ``(n, dimension)`` by a network that was trained on unlabelled graphs.

    A space of at most 131,072 rows is learned whole, whatever ``fit`` is given: the embeddings of
    its isomorphism classes are made once, stored in the cache by the content of the space and the
    parameters, and looked up from then on. Of a larger space, ``fit`` learns from the
    architectures given to it.

    An encoding overrides ``_train``, from graphs to weights, and ``_embed``, from weights and
    graphs to ``(u, dimension)``.
    """

    dimension: int
    epochs: int
    random_state: int

    def fit(self, X: Archs, y: object = None) -> Self:  # noqa: ARG002
        """Learn from the space, or from unlabelled architectures ``(n, d)`` where it is large.

        Raises
        ------
        ParameterError
            A parameter has a wrong type or value.
        NoGraph
            The space has no graphs.
        """
        self._check()
        if self.space.cardinality <= LISTABLE:
            self._table()
        else:
            batch, _ = graph_batch(self.space, self.space.check(X))
            self.weights_ = dict(self._train(batch, _names_of(self.space)))
        return self

    def _encode(self, archs: Archs) -> Floats:
        self._check()
        if self.space.cardinality <= LISTABLE:
            classes = _classes(self.space)
            ranks = self.space.index(self.space.canonical(archs))
            return self._table()[np.searchsorted(classes.ranks, ranks)].astype(np.float64)
        if not hasattr(self, "weights_"):
            raise NotFittedError(
                f"{self.space.name} is too large to list: fit {type(self).__name__} to some"
                " architectures first"
            )
        batch, place = graph_batch(self.space, archs)
        # Rounded, because sums of a batch come in another order than those of a row.
        return np.round(self._embed(self.weights_, batch), _DIGITS)[place]

    def _names(self) -> list[str]:
        return [f"{type(self).__name__.lower()}{i}" for i in range(self.dimension)]

    def _table(self) -> NDArray[np.float32]:
        parameters = {k: v for k, v in self.get_params(deep=False).items() if k != "space"}
        cls: Any = type(self)
        return _embeddings(cls, self.space, json.dumps(parameters, sort_keys=True))

    def _check(self) -> None:
        check_integers(self, 1, "dimension", "epochs")
        check_integers(self, 0, "random_state")

    @abstractmethod
    def _train(self, batch: GraphBatch, names: tuple[str, ...]) -> Weights: ...

    @abstractmethod
    def _embed(self, weights: Weights, batch: GraphBatch) -> Floats: ...


@lru_cache(maxsize=8)
def _embeddings(cls: type[Learned], space: Space, parameters: str) -> NDArray[np.float32]:
    """Return the embeddings of all classes, learned, or read from the cache."""
    learner = cls(space, **json.loads(parameters))
    classes = _classes(space)

    def make() -> Weights:
        weights = learner._train(classes.graphs, classes.names)
        return {"embeddings": learner._embed(weights, classes.graphs).astype(np.float32)}

    key = f"{VERSION} {cls.__name__} {parameters} {classes.content}"
    name = f"{cls.__name__.lower()}-{sha256(key.encode()).hexdigest()[:20]}"
    with _alone(name):
        return np.asarray(cache.cached(name, key, make)["embeddings"])


@contextmanager
def _alone(name: str) -> Iterator[None]:
    """Let one process learn while others wait for what it stores; where it can be stored."""
    lock = FileLock(cache.folder() / f"{name}.lock")
    try:
        cache.folder().mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except OSError:
        yield
        return
    try:
        yield
    finally:
        lock.release()


@lru_cache(maxsize=8)
def _classes(space: Space) -> Classes:
    archs = space.canonical(space.all())
    ranks, first = np.unique(space.index(archs), return_index=True)
    batch, place = graph_batch(space, archs[first])
    graphs = GraphBatch(batch.adjacency[place], batch.operations[place])
    names = _names_of(space)
    content = sha256(repr(names).encode())
    content.update(np.packbits(graphs.adjacency).tobytes())
    content.update(graphs.operations.tobytes())
    return Classes(ranks, graphs, names, content.hexdigest())


def _names_of(space: Space) -> tuple[str, ...]:
    return space.graphs(space.sample(1, np.random.default_rng(0))).names
