"""What all fixed encodings share: they are scikit-learn transformers that learn nothing."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin

from workbench.spaces import Space
from workbench.types import Archs, Floats


class Encoding(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """A transformer of populations ``(n, d)`` into features ``(n, k)``, row by row.

    ``k`` depends on the space and the parameters alone, so ``fit`` learns nothing and need not be
    called. An encoding overrides ``_encode`` and ``_names``.

    Parameters
    ----------
    space : Space
        The space of the architectures.
    """

    def __init__(self, space: Space) -> None:
        self.space = space

    def fit(self, X: Archs, y: object = None) -> Self:  # noqa: ARG002
        """Return self; nothing is learned."""
        return self

    def transform(self, X: Archs) -> Floats:
        """Return the features of a population.

        Parameters
        ----------
        X : integer ndarray of shape (n, d)
            Architectures of the space.

        Returns
        -------
        ndarray of shape (n, k), float64

        Raises
        ------
        ArchitectureError
            A row is no architecture of the space.
        NoGraph
            The encoding reads graphs and the space has none.
        """
        return self._encode(self.space.check(X))

    def get_feature_names_out(
        self,
        input_features: object = None,  # noqa: ARG002
    ) -> NDArray[Any]:
        """Return the names of the ``k`` features, an object array of shape ``(k,)``."""
        return np.array(self._names(), dtype=object)

    @property
    def _n_features_out(self) -> int:
        return len(self._names())

    def __sklearn_is_fitted__(self) -> bool:
        return True

    @abstractmethod
    def _encode(self, archs: Archs) -> Floats: ...

    @abstractmethod
    def _names(self) -> list[str]: ...


class Decisions(Encoding):
    """Architectures as they are, for predictors that take them so."""

    def _encode(self, archs: Archs) -> Floats:
        return archs.astype(np.float64)

    def _names(self) -> list[str]:
        return [decision.name for decision in self.space.decisions]
