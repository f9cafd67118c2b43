"""CIFAR-100: 60,000 colour images of 32x32 pixels in 100 classes, where the user has the files.

Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009.
"""

from __future__ import annotations

from workbench.training.datasets._cifar import CIFAR


class CIFAR100(CIFAR):
    """The 100 fine classes; options as in ``CIFAR``."""

    NAME = "cifar100"
    FOLDER = "cifar-100-python"
    TRAIN = ("train",)
    TEST = "test"
    LABELS = b"fine_labels"
    CLASSES = 100
