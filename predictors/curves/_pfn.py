"""Prior-data fitted networks: pretrained transformers that read curves and tell their ends.

Mueller, Hollmann, Pineda Arango, Grabocka and Hutter, "Transformers Can Do Bayesian Inference",
2021, arXiv:2112.10510. What is read is the file of the published weights; the transformer is
written here, in double precision, so that no package and no version of torch is asked for.
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from scipy.special import erf, ndtri

from workbench.encodings._parameters import check
from workbench.errors import DataMissing
from workbench.predictors.curves._base import Extrapolator, score_range
from workbench.predictors.curves._torch_file import Module, read_module
from workbench.types import Floats

_CHUNK = 64
_UNKNOWN = ("input_ln", "style_encoder", "global_att_embeddings")


class Pretrained(Extrapolator):
    """An extrapolator whose knowledge is in a file of weights.

    A subclass says where the file can be fetched (``SOURCE``), what it is called (``FILE``) and
    which environment variable may name it (``VARIABLE``).
    """

    SOURCE: ClassVar[str]
    FILE: ClassVar[str]
    VARIABLE: ClassVar[str]
    CUTS = 5

    weights: str | None
    limits: tuple[float, float] | None

    def _open(self, X: Floats) -> None:
        """Read the weights, and find the range of scores of curves ``(n, t)``."""
        path = self._path()
        self.network_ = _network(path, path.stat().st_mtime_ns)
        self.low_, self.high_ = score_range(self, self.limits, X)

    def _path(self) -> Path:
        check(self, "weights", self.weights is None or isinstance(self.weights, str), "a path")
        name = self.weights or os.environ.get(self.VARIABLE)
        if name and Path(name).is_file():
            return Path(name)
        said = f"there is no file {name}" if name else "no file of weights is named"
        raise DataMissing(
            f"{type(self).__name__} needs its pretrained weights, and {said}: fetch {self.FILE}"
            f" from {self.SOURCE}, and name it by weights=... or in the environment variable"
            f" {self.VARIABLE}"
        )

    def _unit_scores(self, X: Floats) -> Floats:
        """Return scores in [0, 1], as the network knows them."""
        return np.clip((X - self.low_) / (self.high_ - self.low_), 0.0, 1.0)

    def _in_scores(self, mean: Floats, std: Floats) -> tuple[Floats, Floats]:
        scale = self.high_ - self.low_
        return self.low_ + scale * mean, scale * std


@lru_cache(maxsize=2)
def _network(path: Path, changed: int) -> Network:  # noqa: ARG001 - a new file is read again
    return Network(read_module(path))


class Network:
    """A transformer of the packages ``lcpfn`` and ``ifbo``, and the distribution that it tells.

    Observations attend to each other; a question attends to all observations and, in some files,
    to itself.

    Raises
    ------
    DataMissing
        The file holds another network.
    """

    def __init__(self, module: Module) -> None:
        wrong = [name for name in _UNKNOWN if name in module.modules]
        try:
            self.encoder, self.scores = module["encoder"], module["y_encoder"]
            self.layers = [*module["transformer_encoder.layers"].modules.values()]
            several = module.modules.get("decoder_dict")
            self.decoder = module["decoder"] if several is None else several["standard"]
            self.bars = Bars(module["criterion"])
        except KeyError as error:
            raise _other(f"no {error}") from error
        if wrong or module.attributes.get("full_attention", False):
            raise _other(", ".join(wrong) or "full attention")
        self.looks_at_itself = not module.attributes.get("efficient_eval_masking", False)

    def moments(self, x: Floats, y: Floats, asked: Floats) -> tuple[Floats, Floats]:
        """Return mean and deviation ``(n,)`` of one score each, asked of each group.

        Parameters
        ----------
        x, y : ndarray of shape (n, s, k) and (n, s)
            Observations: where, and scores in [0, 1].
        asked : ndarray of shape (n, k)
            Where a score is asked for.
        """
        parts = [slice(i, i + _CHUNK) for i in range(0, len(x), _CHUNK)]
        found = [self.bars.moments(self.logits(x[p], y[p], asked[p])) for p in parts]
        return np.concatenate([m for m, _ in found]), np.concatenate([s for _, s in found])

    def logits(self, x: Floats, y: Floats, asked: Floats) -> Floats:
        """Return the logarithms of the weights of bars, ``(n, bars)``, less a constant."""
        seen = run(self.encoder, x) + run(self.scores, y[:, :, None])
        asking = run(self.encoder, asked[:, None, :])
        for layer in self.layers:
            seen, asking = self._layer(layer, seen, asking)
        return run(self.decoder, asking[:, 0])

    def _layer(self, layer: Module, seen: Floats, asking: Floats) -> tuple[Floats, Floats]:
        first = bool(layer.attributes.get("pre_norm", False))
        norm1, norm2 = layer["norm1"], layer["norm2"]
        both = np.concatenate([seen, asking], axis=1)
        inner = run(norm1, both) if first else both
        count = seen.shape[1]
        both = both + _attention(layer["self_attn"], inner, count, self.looks_at_itself)
        both = both if first else run(norm1, both)
        inner = run(norm2, both) if first else both
        hidden = _ACTIVATIONS[layer.attributes.get("activation", "relu")](
            run(layer["linear1"], inner)
        )
        both = both + run(layer["linear2"], hidden)
        both = both if first else run(norm2, both)
        return both[:, :count], both[:, count:]


def _attention(module: Module, tokens: Floats, seen: int, itself: bool) -> Floats:
    """Return what tokens ``(n, t, d)`` take from the first ``seen`` of them, ``(n, t, d)``."""
    n, t, d = tokens.shape
    heads = module.attributes["num_heads"]
    joint = tokens @ module.tensors["in_proj_weight"].T + module.tensors["in_proj_bias"]
    q, k, v = joint.reshape(n, t, 3, heads, d // heads).transpose(2, 0, 3, 1, 4)
    fit = q @ k.swapaxes(2, 3) / np.sqrt(d // heads)
    allowed = np.zeros((t, t), dtype=bool)
    allowed[:, :seen] = True
    if itself:
        np.fill_diagonal(allowed, True)
    fit = np.where(allowed, fit, -np.inf)
    weights = np.exp(fit - fit.max(axis=3, keepdims=True))
    weights /= weights.sum(axis=3, keepdims=True)
    taken = (weights @ v).transpose(0, 2, 1, 3).reshape(n, t, d)
    return run(module["out_proj"], taken)


class Bars:
    """Weights of bars next to each other; where support is full, half normals at both ends."""

    def __init__(self, module: Module) -> None:
        self.borders = module.tensors["borders"]
        self.full = module.kind == "FullSupportBarDistribution"
        if not self.full and module.kind != "BarDistribution":
            raise _other(f"the distribution {module.kind}")

    def moments(self, logits: Floats) -> tuple[Floats, Floats]:
        """Return mean and deviation ``(n,)`` of logits ``(n, bars)``."""
        weights = np.exp(logits - logits.max(axis=1, keepdims=True))
        weights /= weights.sum(axis=1, keepdims=True)
        left, right = self.borders[:-1], self.borders[1:]
        first, second = (left + right) / 2, (left**2 + left * right + right**2) / 3
        if self.full:
            for place, border, side in ((0, right[0], -1), (-1, left[-1], 1)):
                # Half of a half normal lies within the width of its bar.
                scale = (right[place] - left[place]) / ndtri(0.75)
                away = side * scale * np.sqrt(2 / np.pi)
                first[place] = border + away
                second[place] = border**2 + 2 * border * away + scale**2
        mean = weights @ first
        return mean, np.sqrt(np.maximum(weights @ second - mean**2, 1e-12))


def run(module: Module, x: Floats) -> Floats:
    """Return what a module of a network makes of rows ``(..., k)``."""
    if module.kind in ("Sequential", "ModuleList"):
        for part in module.modules.values():
            x = run(part, x)
        return x
    if module.kind not in _KINDS:
        raise _other(f"a {module.kind}")
    return np.asarray(_KINDS[module.kind](module, x))


def _linear(module: Module, x: Floats) -> Floats:
    return x @ module.tensors["weight"].T + module.tensors.get("bias", 0.0)


def _normalize(module: Module, x: Floats) -> Floats:
    return np.asarray((x - module.attributes["mean"]) / module.attributes["std"])


def _layer_norm(module: Module, x: Floats) -> Floats:
    away = x - x.mean(axis=-1, keepdims=True)
    scale = np.sqrt((away**2).mean(axis=-1, keepdims=True) + module.attributes["eps"])
    return np.asarray(away / scale * module.tensors["weight"] + module.tensors["bias"])


def _padded(module: Module, x: Floats) -> Floats:
    """Scale features up as there are fewer of them than the network has room for."""
    room = module.attributes["num_features"]
    padded = np.zeros((*x.shape[:-1], room))
    padded[..., : x.shape[-1]] = x * (room / x.shape[-1])
    return run(module["base_encoder"], padded)


def _curve_points(module: Module, x: Floats) -> Floats:
    """Take which curve it is, how far it is in (0, 1], and its hyperparameters in [0, 1]."""
    curves = module["idcurve_enc"].tensors["weight"][x[..., 0].astype(np.int64)]
    epochs = run(module["epoch_enc"], run(module["normalizer"], x[..., 1:2]))
    return np.asarray(epochs + curves + run(module["configuration_enc"], x[..., 2:]))


def _gelu(x: Floats) -> Floats:
    return np.asarray(x * (0.5 + 0.5 * erf(x / np.sqrt(2.0))))


def _relu(x: Floats) -> Floats:
    return np.maximum(x, 0.0)


_ACTIVATIONS = {"gelu": _gelu, "relu": _relu}
_KINDS: dict[str, Any] = {
    "Linear": _linear,
    "NonDynamicallyQuantizableLinear": _linear,
    "_LinearWithBias": _linear,
    "Normalize": _normalize,
    "LayerNorm": _layer_norm,
    "VariableNumFeaturesEncoder": _padded,
    "MultiCurvesEncoder": _curve_points,
    "GELU": lambda _, x: _gelu(x),
    "ReLU": lambda _, x: _relu(x),
}


def _other(what: str) -> DataMissing:
    return DataMissing(
        f"the weights are of another network ({what}) than those of LC-PFN and FT-PFN; fetch the"
        " published file"
    )
