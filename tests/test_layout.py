"""The house: where things lie, what may know what, and what is loaded when."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import workbench

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PLUGIN_FOLDERS = ("encodings", "predictors", "data")

LEVELS = [
    {"types", "errors", "seeds", "cache", "processes", "executors", "installed", "optimise"},
    {"registry", "spaces", "statistics"},
    {"encodings", "networks"},
    {"training", "data", "predictors", "proxies"},
    {"strategies"},
    {"harness", "tables"},
    {"report"},
    {"cli", "cli_things", "__main__", "testing", "listing", "running", "terminal"},
]


def _modules() -> Iterator[tuple[str, Path]]:
    for path in _walk():
        yield path.relative_to(ROOT / "workbench").parts[0].removesuffix(".py"), path


def _walk() -> list[Path]:
    found = []
    for folder, _, names in os.walk(ROOT / "workbench", followlinks=True):
        found += [Path(folder) / n for n in names if n.endswith(".py")]
    return sorted(found)


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_plugin_folders_have_no_init() -> None:
    """A top-level ``encodings/__init__.py`` on the path kills Python before its first line."""
    for folder in PLUGIN_FOLDERS:
        assert not (ROOT / folder / "__init__.py").exists()
        link = ROOT / "workbench" / folder
        assert link.is_symlink()
        assert str(link.readlink()) == f"../{folder}"


def test_python_starts_with_the_repository_on_its_path() -> None:
    code = "import workbench.encodings, workbench.predictors.xgboost, workbench.data.nb201"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": "."},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_package_list_equals_the_tree() -> None:
    """A sub-package that pyproject does not name would be missing from the wheel."""
    listed = set(PROJECT["tool"]["setuptools"]["packages"])
    found = {
        ".".join(("workbench", *path.parent.relative_to(ROOT / "workbench").parts))
        for path in _walk()
    }
    assert listed == found
    folders = PROJECT["tool"]["setuptools"]["package-dir"]
    assert folders == {"workbench": "workbench"} | {f"workbench.{f}": f for f in PLUGIN_FOLDERS}


def test_nobody_imports_upwards() -> None:
    level = {name: i for i, names in enumerate(LEVELS) for name in names}
    wrong = []
    for part, path in _modules():
        if part == "__init__":
            continue
        assert part in level, f"{path}: say in LEVELS where {part} stands"
        for name in _imports(path):
            words = name.split(".")
            if words[0] == "workbench" and len(words) > 1 and words[1] in level:
                if level[words[1]] > level[part]:
                    wrong.append(f"{path.relative_to(ROOT)} imports {name}")
    assert not wrong


def test_strategies_know_no_benchmark() -> None:
    for part, path in _modules():
        if part == "strategies":
            assert not [n for n in _imports(path) if n.startswith("workbench.data")], path


def test_torch_is_imported_only_where_networks_are() -> None:
    allowed = {"networks", "training", "encodings", "predictors", "optimise"}
    for part, path in _modules():
        if part not in allowed:
            assert not [n for n in _imports(path) if n.partition(".")[0] == "torch"], path


@pytest.mark.parametrize("command", ["import workbench", "workbench --help"])
def test_starting_loads_nothing_heavy(command: str) -> None:
    """Import cost is what a user pays at every call; ``speed/`` shows the time."""
    heavy = ["torch", "matplotlib", "scipy.stats", "pandas", "xgboost", "sklearn"]
    start = (
        "import workbench"
        if command.startswith("import")
        else (
            "import sys; sys.argv = ['workbench', '--help']\n"
            "from workbench.cli import main\n"
            "try: main()\n"
            "except SystemExit: pass"
        )
    )
    code = f"{start}\nimport json, sys\nprint(json.dumps([m for m in {heavy} if m in sys.modules]))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert json.loads(done.stdout.splitlines()[-1]) == []


def test_public_names_are_few_and_exist() -> None:
    assert len(workbench.__all__) <= 20
    assert workbench.__all__ == sorted(workbench.__all__, key=lambda n: (n != "__version__", n))
    for name in workbench.__all__:
        assert getattr(workbench, name) is not None
    with pytest.raises(AttributeError, match="nonsense"):
        _ = workbench.nonsense


def test_everything_installed_is_pinned() -> None:
    """Each direct dependency has one exact version in constraints.txt."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = {line.partition("==")[0].lower().replace("_", "-") for line in lines if "==" in line}
    extras = PROJECT["project"]["optional-dependencies"].values()
    wanted = [*PROJECT["project"]["dependencies"], *(d for extra in extras for d in extra)]
    for requirement in wanted:
        name = requirement.split(">")[0].split("[")[0].strip().lower()
        assert name in pinned | {"nas-workbench"}, name


def test_every_install_line_uses_the_constraints() -> None:
    for name in ("README.md", "Makefile", ".ci/run"):
        for line in (ROOT / name).read_text(encoding="utf-8").splitlines():
            if "pip install" in line and "nas-workbench" not in line:
                assert "constraints.txt" in line, f"{name}: {line}"
