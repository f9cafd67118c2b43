"""Whole torch modules from files of ``torch.save``, without torch and without running anything.

Such a file is a zip archive of a pickle and of the bytes of its tensors. Of the pickle only the
layout is wanted: which module holds which tensors. Every name that it may ask for stands for an
inert class of ours (see ``workbench.data._unpickle``); no function, and no class of torch, numpy
or a package that wrote the file, is within its reach.
"""

from __future__ import annotations

import gzip
import zipfile
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from workbench.data._unpickle import Record, unpickle
from workbench.errors import DataMissing
from workbench.types import Floats

_STORAGES = {"Float": "<f4", "Double": "<f8", "Long": "<i8", "Int": "<i4", "Bool": "|b1"}
_WRITERS = ("torch.nn.", "torch._C._nn.", "lcpfn.", "ifbo.", "pfns4hpo.")
_BARE = ("transformer.", "layer.", "encoders.", "bar_distribution.", "positional_encodings.")
"""Modules of ``lcpfn`` under the names by which it imports them itself."""
_PLAIN = (bool, int, float, str, type)


class Module:
    """A module of a file: the name of its class, plain attributes, tensors and modules in it.

    An attribute that is a class or a function is there by its name, others than these, numbers and
    texts are left out.
    """

    def __init__(self, record: Record) -> None:
        state = dict(record.state)
        self.kind = type(record).__name__
        parts = {**state.pop("_parameters"), **state.pop("_buffers")}
        self.tensors = {k: t.array for k, t in parts.items() if isinstance(t, Tensor)}
        inner = state.pop("_modules")
        self.modules = {k: Module(m) for k, m in inner.items() if isinstance(m, Record)}
        self.attributes = {k: _plain(v) for k, v in state.items() if isinstance(v, _PLAIN)}

    def __getitem__(self, path: str) -> Module:
        """Return a module in this one, such as ``["transformer_encoder.layers"]``."""
        found = self
        for name in path.split("."):
            found = found.modules[name]
        return found


def read_module(path: Path) -> Module:
    """Return the module that ``torch.save`` wrote whole to a file, perhaps compressed by gzip.

    Raises
    ------
    UnsafePickle
        The file names anything but torch's modules, its tensors, and the packages that write such
        files; nothing of it was run.
    DataMissing
        It is damaged, or no such file.
    """
    content = path.read_bytes()
    try:
        content = gzip.decompress(content) if path.suffix == ".gz" else content
        with zipfile.ZipFile(BytesIO(content)) as archive:
            parts = {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}
        pickled = parts["data.pkl"]
    except (OSError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise _no_module(path, "a zip archive of torch") from error
    if parts.get("byteorder", b"little") != b"little":
        raise _no_module(path, "little-endian")
    found = unpickle(pickled, path, _Admitted(), outside=lambda pid: _storage(pid, parts))
    try:
        return Module(found)
    except (AttributeError, KeyError, TypeError) as error:
        raise _no_module(path, "a whole torch module") from error


def _no_module(path: Path, wanted: str) -> DataMissing:
    return DataMissing(f"{path} is not {wanted}, as torch.save writes it; fetch the file again")


class Fields(dict[Any, Any]):
    """Stand-in for ``collections.OrderedDict``."""

    __slots__ = ()

    def __setstate__(self, state: object) -> None:
        """Leave out what is set on it beside its items."""


class Names(set[Any]):
    """Stand-in for ``set``."""

    __slots__ = ()

    def __setstate__(self, state: object) -> NoReturn:
        raise TypeError("a set has no state")


class Storage:
    """The numbers of a tensor, in a row."""

    __slots__ = ("values",)

    def __init__(self, values: Any) -> None:
        if not isinstance(values, np.ndarray):
            raise TypeError("a storage is made of the bytes of the archive")
        self.values = values

    def __setstate__(self, state: object) -> NoReturn:
        raise TypeError("a storage has no state")


class Tensor:
    """Stand-in for what rebuilds a tensor from a storage: an array ``shape`` of floats."""

    __slots__ = ("array",)

    array: Floats

    def __init__(
        self, storage: Storage, offset: int, shape: Any, stride: Any, *_rest: object
    ) -> None:
        values, wanted = storage.values, 1
        for size in reversed(shape):
            stride, last = stride[:-1], stride[-1]
            if size > 1 and last != wanted:
                raise ValueError("a tensor that is not laid out row by row")
            wanted *= size
        if not 0 <= offset <= len(values) - wanted:
            raise ValueError("a tensor that goes beyond its storage")
        self.array = values[offset : offset + wanted].reshape(shape).astype(np.float64)

    def __setstate__(self, state: object) -> NoReturn:
        raise TypeError("a tensor has no state")


class Parameter(Tensor):
    """Stand-in for what makes a parameter of a tensor."""

    __slots__ = ()

    def __init__(self, tensor: Tensor, *_rest: object) -> None:
        self.array = tensor.array


class Kind:
    """Stand-in for a type of storage, which is never made."""

    __slots__ = ()
    CODE = ""

    def __init__(self, *_: object) -> None:
        raise TypeError("a storage is made of the bytes of the archive")

    def __setstate__(self, state: object) -> NoReturn:
        raise TypeError("a type of storage has no state")


_EXACT: dict[str, type] = {
    "collections.OrderedDict": Fields,
    "__builtin__.set": Names,
    "builtins.set": Names,
    "torch._utils._rebuild_tensor_v2": Tensor,
    "torch._utils._rebuild_parameter": Parameter,
    **{
        f"torch.{name}Storage": type(name, (Kind,), {"CODE": code, "__slots__": ()})
        for name, code in _STORAGES.items()
    },
}


class _Admitted(Mapping[str, type]):
    """Which names are admitted; a module's is a new class of records of that name."""

    def __init__(self) -> None:
        self._made: dict[str, type] = {}

    def __getitem__(self, name: str) -> type:
        if name in _EXACT:
            return _EXACT[name]
        if not name.startswith((*_WRITERS, *_BARE)):
            raise KeyError(name)
        if name not in self._made:
            self._made[name] = type(name.rpartition(".")[2], (Record,), {"__slots__": ()})
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter([*_EXACT, *(f"{module}*" for module in (*_WRITERS, *_BARE))])

    def __len__(self) -> int:
        return len(list(iter(self)))


def _storage(pid: Any, parts: Mapping[str, bytes]) -> Storage:
    """Return what a persistent id of torch stands for: its kind and the name of its bytes."""
    what, kind, name, _place, count = pid
    if what != "storage" or not issubclass(kind, Kind):
        raise ValueError(f"a reference to {what!r}")
    values = np.frombuffer(parts[f"data/{name}"], dtype=kind.CODE)
    return Storage(values[:count])


def _plain(value: Any) -> Any:
    """Return a number or a text, or the name of a class or function."""
    return value.__name__ if isinstance(value, type) else value
