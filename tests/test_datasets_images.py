"""Folders of images and CIFAR: what their files may hold, and what is said of those that may not.

CIFAR's files are written here as Python 2 wrote them, opcode by opcode, and as numpy 2 writes them.
"""

from __future__ import annotations

import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.data_parts import parts
from workbench.errors import DataMissing, ParameterError, TableError, UnsafePickle
from workbench.training.datasets import load

# -- folders of images -----------------------------------------------------------------------------


def _folder(root: Path, classes: tuple[str, ...] = ("cat", "dog")) -> Path:
    rng = np.random.default_rng(0)
    for name in classes:
        (root / name).mkdir(parents=True)
        for i in range(30):
            pixels = rng.integers(0, 256, (9, 7, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(root / name / f"{i}.png")
    return root


def test_a_folder_of_images(tmp_path: Path) -> None:
    folder = _folder(tmp_path)
    (folder / "README.txt").write_text("not an image")
    (folder / ".hidden").mkdir()
    data = load("image_folder", path=str(folder), size=8)
    assert data.shape == (3, 8, 8)
    assert data.class_names == ("cat", "dog")
    assert sum(len(x) for x in parts(data).values()) == 60
    grey = load("image_folder", path=str(folder), size=4, channels=1)
    assert grey.shape == (1, 4, 4)
    assert np.array_equal(grey.y_test, data.y_test)


def test_images_keep_their_pixels(tmp_path: Path) -> None:
    """A picture of the size asked for is seen as it is, standardised by channel."""
    folder = _folder(tmp_path)
    for file in folder.glob("*/*.png"):
        with Image.open(file) as image:
            image.resize((8, 8)).save(file)
    data = load("image_folder", path=str(folder), size=8)
    files = sorted(folder.glob("*/*.png"))
    raw = np.stack([np.asarray(Image.open(f)) for f in files]).transpose(0, 3, 1, 2).astype(float)
    shown = np.concatenate(list(parts(data).values())).astype(float)
    slope = np.ptp(raw[:, 1]) / np.ptp(shown[:, 1])
    back = (shown[:, 1] - shown[:, 1].min()) * slope + raw[:, 1].min()
    assert sorted(np.rint(back).sum((1, 2))) == sorted(raw[:, 1].sum((1, 2)))


def test_faults_of_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataMissing, match="there is no folder"):
        load("image_folder", path=str(tmp_path / "absent"))
    with pytest.raises(TableError, match="at least two folders"):
        load("image_folder", path=str(_folder(tmp_path / "one", ("cat",))))
    folder = _folder(tmp_path / "two")
    (folder / "empty").mkdir()
    (folder / "empty" / "notes.txt").write_text("no image")
    with pytest.raises(TableError, match=r"there is no image .* in empty: .* name it \.empty"):
        load("image_folder", path=str(folder))
    (folder / "empty" / "1.png").write_bytes((folder / "cat" / "1.png").read_bytes())
    with pytest.raises(TableError, match="one only of 'empty'"):
        load("image_folder", path=str(folder))
    (folder / "empty").rename(folder / ".empty")
    assert load("image_folder", path=str(folder)).class_names == ("cat", "dog")
    (folder / "cat" / "bad.png").write_bytes(b"no image")
    with pytest.raises(TableError, match=r"bad\.png cannot be read as an image"):
        load("image_folder", path=str(folder))
    for options, message in (({"size": 0}, "'size'"), ({"channels": 2}, "'channels'")):
        with pytest.raises(ParameterError, match=message):
            load("image_folder", path=str(folder), **options)


# -- CIFAR -----------------------------------------------------------------------------------------


def _python2(data: NDArray[np.uint8], key: bytes, labels: list[int]) -> bytes:
    """Return the pickle that Python 2 and numpy 1 wrote of ``{"data": data, key: labels}``."""

    def text(value: bytes) -> bytes:
        return b"T" + struct.pack("<i", len(value)) + value

    rows, columns = data.shape
    shape = b"".join(b"J" + struct.pack("<i", n) for n in (rows, columns)) + b"\x86"
    kind = b"cnumpy\ndtype\n" + text(b"u1") + b"K\x00K\x01\x87R"
    kind += b"(K\x03" + text(b"|") + b"NNN" + b"J\xff\xff\xff\xff" * 2 + b"K\x00tb"
    array = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85" + text(b"b")
    array += b"\x87R(K\x01" + shape + kind + b"\x89" + text(data.tobytes()) + b"tb"
    numbers = b"](" + b"".join(b"K" + bytes([n]) for n in labels) + b"e"
    return b"\x80\x02}(" + text(b"data") + array + text(key) + numbers + b"u."


def _numpy2(data: NDArray[np.uint8], key: bytes, labels: list[int]) -> bytes:
    return pickle.dumps({b"data": data, key: labels}, protocol=4)


def _cifar10(root: Path, write: Any) -> list[tuple[NDArray[np.uint8], list[int]]]:
    folder = root / "cifar-10-batches-py"
    folder.mkdir()
    rng = np.random.default_rng(0)
    batches = []
    for name in (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"):
        data = rng.integers(0, 256, (20, 3072), dtype=np.uint8)
        labels = rng.integers(0, 10, 20).tolist()
        (folder / name).write_bytes(write(data, b"labels", labels))
        batches.append((data, labels))
    return batches


@pytest.mark.parametrize("write", [_python2, _numpy2])
def test_cifar10(tmp_path: Path, write: Any) -> None:
    batches = _cifar10(tmp_path, write)
    data = load("cifar10", path=str(tmp_path))
    assert data.shape == (3, 32, 32)
    assert len(data.y_train) + len(data.y_valid) == 100
    assert sorted(data.y_test) == sorted(batches[-1][1])
    raw = batches[-1][0].reshape(20, 3, 32, 32)
    shown = data.x_test.astype(float)
    order = np.lexsort((raw[:, 0, 0, 0], raw[:, 2, 0, 0]))
    ours = np.lexsort((shown[:, 0, 0, 0], shown[:, 2, 0, 0]))
    assert np.corrcoef(raw[order].ravel(), shown[ours].ravel())[0, 1] > 0.999
    assert load("cifar10", path=str(tmp_path / "cifar-10-batches-py"), size=8).shape == (3, 8, 8)


def test_python_reads_what_is_written_here_alike() -> None:
    """The opcodes above are what they are meant to be, by Python's own unpickler."""
    data = np.arange(12, dtype=np.uint8).reshape(2, 6)
    read = pickle.loads(_python2(data, b"labels", [3, 1]), encoding="bytes")
    assert np.array_equal(read[b"data"], data)
    assert read[b"labels"] == [3, 1]


def test_a_test_example_among_those_for_training_is_left_out(tmp_path: Path) -> None:
    batches = _cifar10(tmp_path, _numpy2)
    data, labels = batches[0]
    data[:3] = batches[-1][0][:3]
    path = tmp_path / "cifar-10-batches-py" / "data_batch_1"
    path.write_bytes(_numpy2(data, b"labels", labels))
    found = load("cifar10", path=str(tmp_path))
    assert len(found.y_train) + len(found.y_valid) == 97
    assert len(found.y_test) == 20


def test_cifar100_has_fine_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "cifar-100-python"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name in ("train", "test"):
        data = rng.integers(0, 256, (50, 3072), dtype=np.uint8)
        (folder / name).write_bytes(_python2(data, b"fine_labels", list(range(50, 100))))
    monkeypatch.setenv("WORKBENCH_DATA", str(tmp_path))
    data100 = load("cifar100")
    assert data100.classes == 100
    assert sorted(data100.y_test) == list(range(50, 100))


def test_cifar_says_where_it_should_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_DATA", str(tmp_path))
    with pytest.raises(DataMissing, match=r"cifar10 is not in .*-batches-py.*WORKBENCH_DATA"):
        load("cifar10")


class _Evil:
    def __reduce__(self) -> Any:
        return print, ("run",)


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        (pickle.dumps({b"data": _Evil()}), UnsafePickle, "asks for builtins.print"),
        (b"\x80\x02}(garbage", DataMissing, "is damaged"),
        (pickle.dumps({b"labels": [1]}), DataMissing, "not laid out as cifar10"),
        (pickle.dumps([1]), DataMissing, "not laid out as cifar10"),
        (_numpy2(np.zeros((2, 5), np.uint8), b"labels", [1, 2]), DataMissing, "not laid out"),
        (_numpy2(np.zeros((2, 3072), np.uint8), b"labels", [1, 10]), DataMissing, "classes from 1"),
        (_numpy2(np.zeros((2, 3072), np.uint16), b"labels", [1, 2]), DataMissing, "only 'u1'"),
    ],
)
def test_faults_of_cifar_are_named(tmp_path: Path, content: Any, error: Any, message: str) -> None:
    _cifar10(tmp_path, _numpy2)
    (tmp_path / "cifar-10-batches-py" / "data_batch_3").write_bytes(content)
    with pytest.raises(error, match=message):
        load("cifar10", path=str(tmp_path))
