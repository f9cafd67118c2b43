"""``best.py`` and ``best.pt``: a network as a file that needs torch alone, and its weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from workbench.errors import PluginError
from workbench.types import Arch

_HOW = """\
{text}

An architecture of the space {space}, found on {data}; written by nas-workbench {version}.
{usage}It needs torch and nothing else:

    import torch
    from best import Best

    model = Best()
    model.load_state_dict(torch.load("best.pt", weights_only=True))
    model.eval()
    logits = model(x)  # x: float32 (n, {shape}) as in the data; logits: (n, {classes})

It standardises what it is given: numbers as in the data, where they go from {low:g} to {high:g}
(data set {data}{options}). Classes, in order: {names}.
Accuracy of these weights: validation {valid:.2f} %, test {test:.2f} %.
"""
_BY_NAME = '''

import torch
import workbench
from workbench.networks import Standardised, build


def Best():
    """Return the network, with weights of no training."""
    space = workbench.space({space!r})
    network = build(space, {arch!r}, {shape!r}, {classes!r}, **{settings!r})
    return Standardised(network, torch.zeros({moments!r}), torch.ones({moments!r}))
'''
_CLASSES = 20
_PLACES = 4
_NAMED = ("name", "path")


def write_network(bench: Any, arch: Arch, trained: Any, folder: Path) -> str:
    """Write ``best.py`` and ``best.pt`` into a folder.

    Returns
    -------
    str
        Empty; or why ``best.py`` needs the workbench to be installed.
    """
    from workbench.networks._export import export, save, standardised

    moments = bench.data.mean, bench.data.deviation
    network = standardised(bench.network(arch), trained.weights, *moments).eval()
    doc, fault = _doc(bench, arch, trained), ""
    try:
        text, weights = export(network, "Best", doc)
    except PluginError as error:
        fault = str(error)
        text, weights = f'"""{doc}"""' + _by_name(bench, arch), network.state_dict()
    save(weights, folder / "best.pt")
    (folder / "best.py").write_text(text, encoding="utf-8")
    return fault


def _doc(bench: Any, arch: Arch, trained: Any) -> str:
    from workbench import __version__

    data, said = bench.data, bench.networks.dataset
    finite = np.where(np.isfinite(data.deviation), data.deviation, 0.0)
    raw = data.x_train * finite + data.mean
    # Names of classes are anybody's text, and must not end the docstring that they stand in.
    names = ", ".join(data.class_names[:_CLASSES]).replace("\\", r"\\").replace('"', r"\"")
    more = f" and {data.classes - _CLASSES} more" if data.classes > _CLASSES else ""
    return _HOW.format(
        text=bench.space.format(arch),
        space=bench.space.name,
        data=data.name,
        version=__version__,
        usage=f"\n{data.usage}\nThe network itself is made like this. " if data.usage else "",
        shape=", ".join(map(str, data.shape)),
        classes=data.classes,
        names=names + more,
        low=round(float(raw.min()), _PLACES) + 0.0,
        high=round(float(raw.max()), _PLACES),
        options="".join(f", {key} = {value}" for key, value in said.items() if key not in _NAMED),
        valid=trained.valid,
        test=trained.test,
    )


def _by_name(bench: Any, arch: Arch) -> str:
    data = bench.data
    return _BY_NAME.format(
        space=bench.space.name,
        arch=arch,
        shape=data.shape,
        classes=data.classes,
        moments=data.mean.shape,
        settings=bench.networks.settings,
    )
