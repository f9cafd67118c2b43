"""A file is a plug-in, and its name is the plug-in's name.

``workbench/strategies/local_search.py`` holds the class ``LocalSearch`` and is the strategy
``local_search``: the class is the one whose name equals the file's, underscores and case aside.
Files whose names start with ``_`` are helpers. Other packages add plug-ins through entry points in
the groups ``workbench.strategies``, ``workbench.encodings`` and so on; a single file is used by its
path (``./my_strategy.py``). A plug-in that needs an optional dependency says so in a module-level
``EXTRA = "name of the extra"``.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import pkgutil
import re
import sys
from collections.abc import Iterator
from functools import cache
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, distribution, entry_points, requires
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, NamedTuple

from workbench.errors import DataMissing, MissingExtra, PluginError, UnknownName

Family = Literal[
    "spaces",
    "encodings",
    "predictors",
    "proxies",
    "extrapolators",
    "strategies",
    "benchmarks",
    "networks",
    "datasets",
]

PACKAGES: dict[Family, str] = {
    "spaces": "workbench.spaces",
    "encodings": "workbench.encodings",
    "predictors": "workbench.predictors",
    "proxies": "workbench.predictors.zero_cost",
    "extrapolators": "workbench.predictors.curves",
    "strategies": "workbench.strategies",
    "benchmarks": "workbench.data",
    "networks": "workbench.networks",
    "datasets": "workbench.training.datasets",
}


_ONE: dict[Family, str] = {
    "spaces": "space",
    "encodings": "encoding",
    "predictors": "predictor",
    "proxies": "zero-cost proxy",
    "extrapolators": "extrapolator of learning curves",
    "strategies": "strategy",
    "benchmarks": "benchmark family",
    "networks": "network",
    "datasets": "data set",
}


_YOURS: dict[Family, str] = {
    "datasets": "data of yours are read by npz (a file with X and y) and image_folder (a folder of"
    ' pictures), in a study with data = { path = "x.npz" }; `workbench search` takes the path'
    " itself: --data x.npz, --data ./pictures"
}
"""How what is the user's own is named, where it is not by the path of a file of Python."""


class Entry(NamedTuple):
    """What is known of a plug-in without importing it."""

    name: str
    summary: str
    extra: str | None
    available: bool


def names(family: Family) -> list[str]:
    """Return the names of all plug-ins of a family, sorted."""
    return sorted({*_files(family), *_entry_points(family)})


def load(family: Family, name: str) -> type[Any]:
    """Return the class of a plug-in, by name or by the path of its file.

    Raises
    ------
    UnknownName
        No plug-in has this name.
    MissingExtra
        The plug-in needs a package that is not installed.
    PluginError
        The file does not hold a class of its own name, or cannot be imported.
    """
    if family not in PACKAGES:
        raise UnknownName("family of plug-ins", family, PACKAGES)
    if name.endswith(".py"):
        return _class_of(_import_file(str(Path(name).resolve())), Path(name).stem)
    if name in _files(family):
        return _class_of(_import(f"{PACKAGES[family]}.{name}", name), name)
    points = _entry_points(family)
    if name in points:
        found: type[Any] = points[name].load()
        return found
    yours = _YOURS.get(family, "a file of yours is named by its path (x.py)")
    hint = f"\n`workbench list {family}` shows them; {yours}"
    raise UnknownName(_ONE[family], name, names(family), hint)


def describe(family: Family) -> list[Entry]:
    """Return name, first line of the docstring, extra and availability of every plug-in."""
    entries = []
    for name, path in _files(family).items():
        tree = ast.parse(Path(path).read_text(encoding="utf-8"))
        summary = (ast.get_docstring(tree) or "").partition("\n")[0].rstrip(".")
        extra = _constant(tree, "EXTRA")
        entries.append(Entry(name, summary, extra, _available(extra)))
    for name, point in _entry_points(family).items():
        entries.append(Entry(name, f"from {point.value}", None, True))
    return sorted(entries)


def documentation(family: Family, name: str) -> str:
    """Return the docstring of a plug-in's module, by name or path; nothing of it is run.

    Of a plug-in of another package it is that of the module, which is imported.
    """
    path = name if name.endswith(".py") else _files(family).get(name)
    if path is not None:
        return ast.get_docstring(ast.parse(Path(path).read_text(encoding="utf-8"))) or ""
    return sys.modules[load(family, name).__module__].__doc__ or ""


def file_hash(path: str) -> str:
    """Return the sha256 of a plug-in file."""
    return sha256(Path(path).read_bytes()).hexdigest()


def load_class(path: str, name: str) -> type[Any]:
    """Return a class of a Python file by its own name, whatever the file is called."""
    found: type[Any] = getattr(_import_file(str(Path(path).resolve())), name)
    return found


@cache
def _files(family: Family) -> dict[str, str]:
    package = importlib.import_module(PACKAGES[family])
    found = {}
    for info in pkgutil.iter_modules(package.__path__):
        if not info.name.startswith("_") and not info.ispkg:
            spec = info.module_finder.find_spec(info.name, None)
            if spec is not None and spec.origin is not None:
                found[info.name] = spec.origin
    return found


@cache
def _entry_points(family: Family) -> dict[str, Any]:
    return {point.name: point for point in entry_points(group=f"workbench.{family}")}


def _import(module: str, name: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        spec = importlib.util.find_spec(module)
        extra = None
        if spec is not None and spec.origin is not None:
            extra = _constant(ast.parse(Path(spec.origin).read_text(encoding="utf-8")), "EXTRA")
        if extra is None:
            raise
        raise MissingExtra(f"{name} (no module {error.name!r})", extra) from error


@cache
def _import_file(path: str) -> ModuleType:
    stem = Path(path).stem
    if not Path(path).is_file():
        raise DataMissing(f"no plug-in file {path}")
    module_name = f"workbench_plugin_{stem}_{sha256(path.encode()).hexdigest()[:8]}"
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise PluginError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[module_name]
        raise PluginError(f"{path} cannot be imported: {type(error).__name__}: {error}") from error
    return module


def _class_of(module: ModuleType, name: str) -> type[Any]:
    wanted = name.replace("_", "").replace("-", "").lower()
    for found in _public_classes(module):
        if found.__name__.lower() == wanted:
            return found
    have = ", ".join(sorted(c.__name__ for c in _public_classes(module))) or "none"
    raise PluginError(
        f"{module.__file__} must hold a class named like the file, {name!r} without underscores"
        f" and in any case. It defines: {have}"
    )


def _public_classes(module: ModuleType) -> Iterator[type[Any]]:
    for key, value in vars(module).items():
        own = isinstance(value, type) and value.__module__ == module.__name__
        if own and not key.startswith("_"):
            yield value


def _constant(tree: ast.Module, name: str) -> str | None:
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            if any(isinstance(t, ast.Name) and t.id == name for t in node.targets):
                return str(node.value.value)
    return None


def _available(extra: str | None) -> bool:
    if extra is None:
        return True
    wanted = re.compile(rf"""extra\s*==\s*['"]{re.escape(extra)}['"]""")
    for requirement in requires("nas-workbench") or []:
        if wanted.search(requirement):
            try:
                distribution(re.split(r"[^\w.-]", requirement, maxsplit=1)[0])
            except PackageNotFoundError:
                return False
    return True
