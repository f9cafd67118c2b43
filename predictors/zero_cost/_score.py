"""The scores of one network."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from math import isfinite, nan
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from workbench import registry
from workbench.errors import ParameterError, PluginError
from workbench.optimise import one_thread
from workbench.predictors.zero_cost._base import Aggregate, Proxy
from workbench.predictors.zero_cost._passes import Loss, Passes

CLASSICAL = (
    "params", "flops", "l2_norm", "plain", "snip", "grad_norm", "grasp", "fisher", "synflow",
    "jacov", "nwot", "zen", "epe_nas",
)  # fmt: skip
"""The proxies of NAS-Bench-Suite-Zero (Krishnakumar et al. 2022, arXiv:2210.03230)."""

ALL = (*CLASSICAL, "zico", "swap", "meco", "az_nas")


class Score(NamedTuple):
    """A proxy's number, and the CPU seconds that it would take alone."""

    value: float
    seconds: float


def score(
    network: nn.Module,
    x: Any,
    y: Any,
    proxies: Iterable[str] = ALL,
    *,
    loss: Loss | None = None,
    seed: int = 0,
) -> dict[str, float]:
    """Return the zero-cost scores of a network, by name.

    What several proxies need is computed once. The network is left exactly as it was, and the
    state of torch's own generator is neither read nor changed; it runs on the CPU.

    Parameters
    ----------
    network : Module
        Of convolutions, linear layers, batch norm and ReLU modules, among others.
    x : array or Tensor of shape (n, ...)
        One batch of at least two examples.
    y : array or Tensor of shape (n,)
        Their classes, or what ``loss`` takes.
    proxies : iterable of str, default all 17
        Names, or paths of files. An aggregate such as ``az_nas``, which ranks a population, gives
        the scores it is made of.
    loss : callable, default cross-entropy
        ``loss(logits, y)``.
    seed : int
        Of the noise and the weights that some proxies take instead of those given.

    Raises
    ------
    UnknownName
        No proxy has this name.
    ParameterError
        A batch or a network that a proxy cannot use, or a score that is not finite.
    """
    names = columns_of(proxies)
    found = scores_of(network, x, y, names, loss=loss, seed=seed)
    return {name: found[name].value for name in names}


def scores_of(
    network: nn.Module,
    x: Any,
    y: Any,
    proxies: Iterable[str] = ALL,
    *,
    loss: Loss | None = None,
    seed: int = 0,
) -> dict[str, Score]:
    """Return what ``score`` does, each with the CPU seconds that it would take alone.

    An aggregate has seconds, those of all its parts together, and no value: NaN.
    """
    names = list(proxies)
    columns = columns_of(names)
    with one_thread(), torch.enable_grad():
        passes = Passes(network, _tensor(x), _tensor(y), loss, seed)
        values = {name: _compute(name, passes) for name in columns}
    return {
        name: Score(values.get(name, nan), passes.ledger.alone(*(parts_of(name) or [name])))
        for name in dict.fromkeys([*columns, *names])
    }


def _compute(name: str, passes: Passes) -> float:
    with passes.ledger.computing(name):
        value = float(proxy_of(name)().score(passes))
    if not isfinite(value):
        raise ParameterError(
            f"The score of {name} must be finite. Got {value} instead: weights or examples are not"
            " finite or too large, or the proxy is at fault."
        )
    return value


def columns_of(proxies: Iterable[str]) -> list[str]:
    """Return the names of proxies, those of its parts in place of an aggregate, each once.

    Raises
    ------
    ParameterError
        No list of names.
    UnknownName
        No proxy has one of them.
    """
    names = [] if isinstance(proxies, str) else list(proxies)
    if not names or not all(isinstance(name, str) for name in names):
        raise ParameterError(
            "The 'proxies' parameter of ZeroCost must be a list of one name or more."
            f" Got {proxies!r} instead."
        )
    found: dict[str, None] = {}
    for name in names:
        parts = parts_of(name)
        found.update(dict.fromkeys(parts or [name]))
    return list(found)


def parts_of(name: str) -> tuple[str, ...]:
    """Return the names of what an aggregate is made of; nothing for a proxy."""
    cls = proxy_of(name)
    return tuple(cls.parts) if issubclass(cls, Aggregate) else ()


@cache
def proxy_of(name: str) -> type[Any]:
    """Return the class of a proxy or an aggregate.

    Raises
    ------
    UnknownName
        None has this name.
    PluginError
        A file that holds neither.
    """
    cls = registry.load("proxies", name)
    if not issubclass(cls, (Proxy, Aggregate)):
        raise PluginError(f"{name}: {cls.__name__} is neither a Proxy nor an Aggregate")
    return cls


def _tensor(values: Any) -> Tensor:
    found: Tensor = torch.as_tensor(values)
    return found if found.is_floating_point() else found.long()
