"""The search that ``workbench search`` asks for, as a study."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from workbench.errors import MissingExtra, ParameterError
from workbench.harness.search_study import SearchStudy
from workbench.harness.study import override, parse_study

DEVICES = ("auto", "cpu", "cuda")


def quick_search(
    space: str,
    data: str,
    budget: str,
    strategy: str = "filtered",
    device: str = "auto",
    *,
    epochs: int | None = None,
    seed: int = 0,
    overrides: Sequence[str] = (),
) -> SearchStudy:
    """Return the study of a search, checked.

    Parameters
    ----------
    space : str
        A space that has networks.
    data : str
        A data set by name, the path of a ``.npz`` file, or that of a folder of images.
    budget : str
        A duration, such as ``10m``.
    device : {"auto", "cpu", "cuda"}
        ``auto`` is ``cuda`` where torch finds a GPU.
    epochs : int, optional
        Of a whole training.
    overrides : sequence of str
        ``key=value``, as of ``load_study``.

    Raises
    ------
    StudyError, ParameterError
        Something of it is wrong.
    """
    name, options = _dataset(data)
    entry = {
        "name": f"live/{space}/{name}",
        "label": f"live/{space}/{Path(data).stem or name}",
        "data": options,
        "training": {} if epochs is None else {"epochs": epochs},
        "device": _device(device),
    }
    described: dict[str, Any] = {
        "name": f"{space}-{Path(data).stem}",
        "kind": "search",
        "seed": seed,
        "budget": budget,
        "benchmarks": [entry],
    }
    if strategy == "filtered":
        described["funnel"] = {}
    else:
        described["strategies"] = [{"name": strategy}]
    for text in overrides:
        override(described, text)
    made = parse_study(described, "search")
    assert isinstance(made, SearchStudy)
    return made


def _dataset(data: str) -> tuple[str, dict[str, str]]:
    """Return the name of a data set, and where its files are."""
    path = Path(data).expanduser()
    if path.suffix == ".npz":
        return "npz", {"path": str(path.resolve())}
    if path.is_file():
        raise ParameterError(
            "--data must be a data set by name, a .npz file, or a folder of pictures. Got the file"
            f" {data} instead: save what is in it as a .npz, in Python"
            f" np.savez({path.stem + '.npz'!r}, X=..., y=...), X the examples, y their classes"
        )
    if path.is_dir() or "/" in data:
        return "image_folder", {"path": str(path.resolve())}
    return data, {}


def _device(device: str) -> str:
    if device not in DEVICES:
        raise ParameterError(f"--device must be one of {', '.join(DEVICES)}. Got {device!r}")
    if device != "auto":
        return device
    try:
        from workbench.training.machine import gpus
    except ModuleNotFoundError as error:
        raise MissingExtra("workbench search", "torch") from error
    return "cuda" if gpus() else "cpu"
