"""A network as the text of one file of Python that needs nothing but torch.

What is written is what ``torch.fx`` sees when it goes through the network once: one line for each
layer, or each sequence of layers, and one for each step between them.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping
from copy import deepcopy
from inspect import signature
from pathlib import Path
from typing import Any, NamedTuple

import torch
from numpy.typing import NDArray
from torch import Tensor, fx, nn

from workbench.errors import PluginError
from workbench.networks._dropout import Dropout

_WIDE = 90
_INDENT = "    "


class Exported(NamedTuple):
    """The text of a file, and the weights that its module loads."""

    text: str
    weights: dict[str, Tensor]


class Standardised(nn.Module):
    """A network that takes examples as they are in a file.

    ``mean`` and ``deviation`` broadcast to an example; what deviates infinitely becomes 0.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, network: nn.Module, mean: Tensor, deviation: Tensor) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", mean.float())
        self.register_buffer("deviation", deviation.float())

    def forward(self, x: Tensor) -> Tensor:
        """Return what the network makes of standardised examples."""
        found: Tensor = self.network((x - self.mean) / self.deviation)
        return found


def standardised(
    network: nn.Module,
    weights: Mapping[str, NDArray[Any]],
    mean: NDArray[Any],
    deviation: NDArray[Any],
) -> Standardised:
    """Return a network with these weights that takes examples as they are in a file."""
    network.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})
    return Standardised(network, torch.from_numpy(mean), torch.from_numpy(deviation))


def save(weights: Mapping[str, Tensor], path: Path) -> None:
    """Write weights so that ``torch.load`` reads them with ``weights_only=True``."""
    torch.save(dict(weights), path)


def export(network: nn.Module, name: str, doc: str) -> Exported:
    """Return a network, with its weights, as a file of Python that defines one module.

    Parameters
    ----------
    network : Module
        Its ``forward`` takes one tensor.
    name : str
        Of the class.
    doc : str
        The docstring of the file.

    Raises
    ------
    PluginError
        ``torch.fx`` cannot follow its ``forward``, such as one that branches on values, or it uses
        layers that are not torch's.
    """
    network = _without_own_layers(network)
    try:
        graph = _Tracer().trace(network)
    except Exception as fault:  # the network may be anybody's code
        raise PluginError(
            f"{type(network).__name__} cannot be written as a file of its own: torch.fx cannot"
            f" follow it ({type(fault).__name__}: {fault})"
        ) from fault
    names = _flat_names(graph)
    text = _text(network, graph, names, name, doc)
    return Exported(text, _weights(network, names))


class _Tracer(fx.Tracer):
    """Takes torch's layers, and sequences of them, as one step."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        if isinstance(m, nn.Sequential):
            return all(map(_is_torchs, m)) and len(m) > 0
        return super().is_leaf_module(m, module_qualified_name)


def _is_torchs(module: nn.Module) -> bool:
    return type(module).__module__.startswith("torch.nn") and not [*module.children()]


def _without_own_layers(network: nn.Module) -> nn.Module:
    """Return the network with torch's dropout in place of ours, whose masks need a seed."""
    copied = deepcopy(network)
    for path, module in [*copied.named_modules()]:
        if isinstance(module, Dropout):
            parent, _, key = path.rpartition(".")
            setattr(copied.get_submodule(parent), key, nn.Dropout(module.share))
    return copied


def _flat_names(graph: fx.Graph) -> dict[str, str]:
    """Return an attribute for each layer and tensor of the graph, which is told of them."""
    names: dict[str, str] = {}
    for node in graph.nodes:
        if node.op in ("call_module", "get_attr"):
            target = str(node.target)
            if target not in names:
                wanted = re.sub(r"\W", "_", target.removeprefix("network."))
                while wanted in names.values():
                    wanted += "_"
                names[target] = wanted
            node.target = names[target]
    return names


def _text(
    network: nn.Module, graph: fx.Graph, names: Mapping[str, str], name: str, doc: str
) -> str:
    code = graph.python_code("self")
    body = _plain(code.src)
    foreign = [k for k, v in code.globals.items() if not _is_torchs_own(v) and _uses(body, k)]
    if foreign:
        raise PluginError(
            f"{type(network).__name__} cannot be written as a file of its own: it calls"
            f" {', '.join(sorted(foreign))}"
        )
    lines = [_line(network, target, flat) for target, flat in names.items()]
    init = "\n".join(["super().__init__()", *lines])
    members = f"def __init__(self):\n{textwrap.indent(init, _INDENT)}\n\n{body}"
    return (
        f'"""{doc.strip()}\n"""\n\nimport torch\nfrom torch import nn\n\n\n'
        f"class {name}(nn.Module):\n{textwrap.indent(members, _INDENT)}\n"
    )


def _plain(code: str) -> str:
    """Return generated code without annotations, and without what frees memory early."""
    code = re.sub(r";  (?:\w+ = )+None", "", code)
    code = re.sub(r"^(\s*def .*?\)) -> .*:$", r"\1:", code, flags=re.MULTILINE)
    code = re.sub(r"(\w+) : [\w.]+(?=[,)=])", r"\1", code)
    code = re.sub(r"(\(|, )(\w+) = ", r"\1\2=", code)
    return re.sub(r"[ \t]+$", "", code, flags=re.MULTILINE).strip()


def _uses(code: str, name: str) -> bool:
    return re.search(rf"(?<![\w.]){re.escape(name)}\b", code) is not None


def _is_torchs_own(value: Any) -> bool:
    return value is torch or getattr(value, "__module__", "").partition(".")[0] == "torch"


def _line(network: nn.Module, target: str, flat: str) -> str:
    """Return the line that makes a layer or a tensor."""
    owner, _, key = target.rpartition(".")
    found = getattr(network.get_submodule(owner), key)
    if isinstance(found, nn.Module):
        return f"self.{flat} = {_expression(found)}"
    zeros = f"torch.zeros({', '.join(map(str, found.shape)) or '()'})"
    if isinstance(found, nn.Parameter):
        return f"self.{flat} = nn.Parameter({zeros})"
    return f'self.register_buffer("{flat}", {zeros})'


def _expression(module: nn.Module) -> str:
    if not isinstance(module, nn.Sequential):
        if not _is_torchs(module):
            raise PluginError(f"{type(module).__name__} is no layer of torch's")
        return f"nn.{type(module).__name__}({', '.join(_arguments(module))})"
    parts = [_expression(part) for part in module]
    line = f"nn.Sequential({', '.join(parts)})"
    if len(line) < _WIDE - 8:
        return line
    return "nn.Sequential(\n" + "".join(f"{_INDENT}{p},\n" for p in parts) + ")"


def _arguments(module: nn.Module) -> Iterator[str]:
    """Yield what a layer of torch's is made with, as far as it is not the default."""
    for key, parameter in signature(type(module)).parameters.items():
        if key in ("device", "dtype") or not hasattr(module, key):
            continue
        value = getattr(module, key)
        if key == "bias":
            value = value is not None
        if isinstance(value, tuple) and len({*value}) == 1:
            value = value[0]
        if parameter.default is parameter.empty:
            yield repr(value)
        elif value != parameter.default:
            yield f"{key}={value!r}"


def _weights(network: nn.Module, names: Mapping[str, str]) -> dict[str, Tensor]:
    found = {}
    for key, value in network.state_dict().items():
        for target, flat in names.items():
            if key == target or key.startswith(f"{target}."):
                found[flat + key[len(target) :]] = value.detach().clone()
    return found
