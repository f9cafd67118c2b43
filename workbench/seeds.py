"""One tree of seeds: (study seed, benchmark, strategy, replicate, purpose) -> Generator.

A key is hashed, so that a run's random numbers depend on its own name alone: not on the order of
runs, on how many there are, or on ``PYTHONHASHSEED``.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Callable
from hashlib import blake2b

import numpy as np

from workbench.types import Arch

Key = str | int


def entropy(*key: Key) -> int:
    """Return a stable 128-bit integer for a key of strings and integers."""
    text = json.dumps(key, ensure_ascii=True, separators=(",", ":"))
    return int.from_bytes(blake2b(text.encode(), digest_size=16).digest(), "little")


def generator(*key: Key) -> np.random.Generator:
    """Return the generator that belongs to a key."""
    return np.random.default_rng(np.random.SeedSequence(entropy(*key)))


def replicate_draw(seed: int, benchmark: str, replicate: int) -> Callable[[Arch, int], int]:
    """Return ``draw(arch, times_asked) -> int``, a stable 63-bit hash.

    Modulo the number of stored replicates it says which training seed a query reads. It knows
    neither the strategy nor the order of queries, so that two strategies that ask for the same
    architecture in the same replicate of a study see the same training.
    """
    prefix = blake2b(entropy(seed, benchmark, replicate).to_bytes(16, "little"), digest_size=8)

    def draw(arch: Arch, times_asked: int) -> int:
        state = prefix.copy()
        state.update(array("q", (*arch, times_asked)).tobytes())
        return int.from_bytes(state.digest(), "little") >> 1

    return draw
