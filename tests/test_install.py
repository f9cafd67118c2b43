"""The package installs as a wheel, from an sdist and in editable mode, and works when installed.

Dependencies are lent by the running environment through a path file, so that only the package
itself is installed; an editable install of the lending environment is not visible that way.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TRACKED = ("workbench", "encodings", "predictors", "data")


def _run(*command: str | Path, cwd: Path) -> str:
    # Where Python was told to look first, the installed package would not be what it finds.
    own = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    words = [*map(str, command)]
    done = subprocess.run(words, cwd=cwd, capture_output=True, text=True, check=False, env=own)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with an sdist of a copy of the tree, and a wheel built from that sdist."""
    folder = tmp_path_factory.mktemp("built in a path with a space")
    copy = folder / "tree"
    names = [*TRACKED, "pyproject.toml", "README.md", "LICENSE"]
    subprocess.run(["cp", "-a", *(str(ROOT / n) for n in names), str(_made(copy))], check=True)
    _run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder / "dist", cwd=copy)
    return folder


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _environment(folder: Path) -> Path:
    _run(sys.executable, "-m", "venv", "--without-pip", folder, cwd=folder.parent)
    site = next(folder.glob("lib/python*/site-packages"))
    (site / "lent.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return folder / "bin" / "python"


def _wheel(built: Path) -> list[str]:
    return [str(next((built / "dist").glob("*.whl")))]


def _sdist(built: Path) -> list[str]:
    return [str(next((built / "dist").glob("*.tar.gz")))]


def _editable(built: Path) -> list[str]:
    return ["-e", str(built / "tree")]


def _sources() -> set[str]:
    paths = (p for top in TRACKED for p in (ROOT / top).rglob("*") if p.is_file())
    files = {p.relative_to(ROOT) for p in paths if "__pycache__" not in p.parts}
    return {
        str(f) if f.parts[0] == "workbench" else str(Path("workbench", f))
        for f in files
        if not f.name.startswith(".")
    }


def test_wheel_and_sdist_hold_every_source_file(built: Path) -> None:
    with zipfile.ZipFile(_wheel(built)[0]) as wheel:
        held = {n for n in wheel.namelist() if ".dist-info/" not in n}
    assert held == _sources()
    with tarfile.open(_sdist(built)[0]) as sdist:
        names = {n.partition("/")[2] for n in sdist.getnames()}
    assert {n for n in _sources() if n.split("/")[1] not in TRACKED} <= names


@pytest.mark.parametrize("what", [_wheel, _sdist, _editable], ids=["wheel", "sdist", "editable"])
def test_installed_package_runs_a_study(
    built: Path, tmp_path: Path, what: Callable[[Path], list[str]]
) -> None:
    python = _environment(tmp_path / "an environment")
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install"]
    pip += ["--no-deps", "--no-build-isolation", "-q"]
    _run(*pip, *what(built), cwd=tmp_path)
    where = _run(python, "-c", "import workbench; print(workbench.__file__)", cwd=tmp_path)
    assert str(tmp_path if what is not _editable else built) in where
    script = python.parent / "workbench"
    _run(script, "new", "study.toml", cwd=tmp_path)
    sets = ["--set", "replicates=2", "--set", "budget.queries=12"]
    out = _run(script, "run", "study.toml", "--workers", "1", *sets, cwd=tmp_path)
    assert out.strip().endswith("report.html")
    assert "<svg" in (tmp_path / "study" / "report.html").read_text(encoding="utf-8")
