"""Data sets by name, split into training, validation and test once and for all; one file each."""

from workbench.training.datasets._base import Dataset, Examples, Source
from workbench.training.datasets._load import load

__all__ = ["Dataset", "Examples", "Source", "load"]
