"""Make the weights that tests/test_pretrained.py reads, and what their own packages say of curves.

Run once, where lcpfn 0.1.3 and ifbo 0.4.1 can be imported (``pip install --no-deps``):
``python tests/pretrained/record.py``. The former asks for a torch of 2022; what it took from there
by a star is given to it here, and its own stack of layers taken. The networks are small and
untrained; all numbers in them are random.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import ifbo.priors.ftpfn_prior
import ifbo.transformer
import lcpfn.layer
import lcpfn.transformer
import torch
from ifbo import FTPFN, Curve
from lcpfn import LCPFN, bar_distribution, encoders
from torch import nn

for name in ("MultiheadAttention", "Linear", "Dropout", "LayerNorm"):
    setattr(lcpfn.layer, name, getattr(nn, name))

HERE = Path(__file__).parent
SIZE = {"ninp": 16, "nhead": 2, "nhid": 24, "nlayers": 2}
QUANTILES = [0.05, 0.3, 0.5, 0.95]
BORDERS = torch.tensor([0.0, 0.05, 0.2, 0.3, 0.45, 0.5, 0.6, 0.72, 0.8, 0.93, 1.0])


def shaken(model: Any, criterion: Any) -> Any:
    """Return the model with random numbers everywhere, and its distribution."""
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.5)
    model.criterion = criterion
    return model.eval()


def official(cls: Any, model: Any) -> Any:
    """Return an object of a package around a model, without what it would load."""
    found = cls.__new__(cls)
    nn.Module.__init__(found)
    found.model, found.device = model, None
    return found


def moments(criterion: Any, logits: Any) -> tuple[float, float]:
    """Return mean and deviation of the density that a distribution says, on a fine grid."""
    grid = torch.linspace(-3, 4, 700_001, dtype=torch.float64)
    inside = grid[(grid > 0) & (grid < 1)] if type(criterion).__name__[0] == "B" else grid
    density = torch.exp(-criterion(logits.double().expand(len(inside), 1, -1), inside[:, None]))
    weights = (density / density.sum())[:, 0]
    mean = float(weights @ inside)
    return mean, math.sqrt(float(weights @ (inside - mean) ** 2))


def record_lcpfn() -> list[dict[str, Any]]:
    """Return what lcpfn says of three curves at their twentieth epoch."""
    normal = encoders.Normalize(0.5, math.sqrt(1 / 12))
    x = nn.Sequential(encoders.Normalize(0.0, 101.0), normal, nn.Linear(1, SIZE["ninp"]))
    model = lcpfn.transformer.TransformerModel(
        x,
        len(BORDERS) - 1,
        y_encoder=nn.Sequential(normal, nn.Linear(1, SIZE["ninp"])),
        all_layers_same_init=False,
        **SIZE,
    )
    shaken(model, bar_distribution.FullSupportBarDistribution(BORDERS))
    torch.save(model, HERE / "lcpfn.pt")
    network, told = official(LCPFN, model), []
    for seen in (1, 6, 15):
        at, y = torch.arange(1.0, seen + 1)[:, None], torch.rand(seen, 1)
        end = torch.tensor([[20.0]])
        quantiles = network.predict_quantiles(at, y, end, QUANTILES)
        logits = network(x_train=at, y_train=y, x_test=end).detach()[0]
        told.append({
            "curve": y[:, 0].tolist(),
            "mean": float(network.predict_mean(at, y, end)),
            "quantiles": quantiles[0].tolist(),
            "moments": moments(model.criterion.double(), logits),
        })  # fmt: skip
        model.criterion.float()
    return told


def record_ftpfn() -> list[dict[str, Any]]:
    """Return what ifbo says of three curves beside two others, with three hyperparameters."""
    normal = ifbo.encoders.Normalize(0.5, math.sqrt(1 / 12))
    model = ifbo.transformer.TransformerModel(
        ifbo.priors.ftpfn_prior.MultiCurvesEncoder(12, SIZE["ninp"]),
        y_encoder=nn.Sequential(normal, nn.Linear(1, SIZE["ninp"])),
        decoder_dict={"standard": (None, len(BORDERS) - 1)},
        **SIZE,
    )
    shaken(model, ifbo.BarDistribution(BORDERS))
    # Numbers of a thousand curves would fill the file.
    curves = model.encoder.idcurve_enc
    curves.weight = nn.Parameter(curves.weight[:30].clone())
    torch.save(model, HERE / "ftpfn.pt")
    network, told = official(FTPFN, model), []
    at = torch.arange(1.0, 21) / 20
    settings = torch.tensor([[0.0, 0.5, 1.0], [1.0, 0.0, 0.5], [0.5, 1.0, 0.0]])
    whole = torch.rand(2, 20)
    context = [Curve(s, at, y) for s, y in zip(settings, whole, strict=False)]
    for seen in (1, 6, 15):
        y = torch.rand(seen)
        asked = [Curve(settings[2], at[-1:])]
        found = network.predict([*context, Curve(settings[2], at[:seen], y)], asked)[0]
        told.append({
            "whole": whole.tolist(), "curve": y.tolist(), "settings": settings.tolist(),
            "mean": float(found.criterion.mean(found.logits)),
            "quantiles": [float(found.quantile(q)) for q in QUANTILES],
            "moments": moments(found.criterion.double(), found.logits.detach()[0]),
        })  # fmt: skip
        model.criterion.float()
    return told


if __name__ == "__main__":
    torch.manual_seed(0)
    recorded = {"quantiles": QUANTILES, "lcpfn": record_lcpfn(), "ftpfn": record_ftpfn()}
    (HERE / "recorded.json").write_text(json.dumps(recorded, indent=1) + "\n")
