"""1,797 handwritten digits of 8x8 pixels, which come with scikit-learn.

Alpaydin and Kaynak, "Optical Recognition of Handwritten Digits", 1998, UCI Machine Learning
Repository.
"""

from __future__ import annotations

import numpy as np

from workbench.training.datasets._base import Examples, Source
from workbench.training.datasets._split import hash_shares


class Digits(Source):
    """Grey values 0 to 16, 10 classes; 1,099 for training, 377 for validation, 321 for test."""

    def read(self) -> Examples:
        """Return all examples; see ``Source.read``."""
        from sklearn.datasets import load_digits

        found = load_digits()
        x = found.images[:, None].astype(np.uint8)
        return Examples(x, found.target, hash_shares(x), tuple(map(str, range(10))))
