"""CIFAR-10: 60,000 colour images of 32x32 pixels, where the user has the files.

Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009.
"""

from __future__ import annotations

from workbench.training.datasets._cifar import CIFAR


class CIFAR10(CIFAR):
    """10 classes; options as in ``CIFAR``."""

    NAME = "cifar10"
    FOLDER = "cifar-10-batches-py"
    TRAIN = tuple(f"data_batch_{i}" for i in range(1, 6))
    TEST = "test_batch"
    LABELS = b"labels"
    CLASSES = 10
