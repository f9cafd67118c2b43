"""Data sets that come with a package, and arrays: parts by content, and what is no data set."""

from __future__ import annotations

import gzip
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import zoom

from tests.data_parts import parts
from workbench import registry
from workbench.errors import DataMissing, MissingExtra, ParameterError, TableError
from workbench.training.datasets import Dataset, load
from workbench.training.datasets import mnist5k as mnist_module
from workbench.training.datasets._images import averaged

SETS = [("digits", (1099, 377, 321), (1, 8, 8)), ("mnist5k", (2092, 1438, 1470), (1, 28, 28))]


# -- those that come with a package ---------------------------------------------------------------


@pytest.mark.parametrize(("name", "sizes", "shape"), SETS)
def test_parts_are_standardised_by_training(name: str, sizes: Any, shape: Any) -> None:
    data = load(name)
    assert tuple(len(x) for x in parts(data).values()) == sizes
    assert data.shape == shape
    assert data.classes == 10
    assert data.x_train.dtype == np.float32
    assert data.y_test.dtype == np.int64
    assert data.x_train.mean() == pytest.approx(0, abs=1e-5)
    assert data.x_train.std() == pytest.approx(1, abs=1e-5)
    assert sorted(np.unique(data.y_valid)) == list(range(10))


def test_digits_are_those_of_scikit_learn() -> None:
    """Undoing the standardisation gives the images back, each once."""
    from sklearn.datasets import load_digits

    raw = load_digits()
    data = load("digits")
    x = np.concatenate(list(parts(data).values())).reshape(1797, 64).astype(np.float64)
    scale = 16 / (x.max() - x.min())
    back = np.rint((x - x.min()) * scale)
    labels = np.concatenate([data.y_train, data.y_valid, data.y_test])
    ours = sorted(map(tuple, np.column_stack([back, labels]).tolist()))
    theirs = sorted(map(tuple, np.column_stack([raw.data, raw.target]).tolist()))
    assert ours == theirs


def test_hashes_are_fixed_for_good() -> None:
    """Stored results and measured tables are keyed by them."""
    assert load("digits").sha256[:16] == "0c9184272a0090a1"
    assert load("mnist5k").sha256[:16] == "0603f48366907414"
    assert load("mnist5k", size=14, train=600).sha256[:16] == "6b3ab03f4c384dae"


def test_fewer_examples_are_the_first_of_the_same_part() -> None:
    whole, few = load("mnist5k"), load("mnist5k", train=600, valid=100)
    assert np.array_equal(few.y_train, whole.y_train[:600])
    assert np.array_equal(few.y_valid, whole.y_valid[:100])
    assert np.array_equal(few.y_test, whole.y_test)
    assert few.sha256 != whole.sha256


def test_smaller_images_are_in_the_same_parts() -> None:
    whole, small = load("mnist5k"), load("mnist5k", size=7)
    assert small.shape == (1, 7, 7)
    assert np.array_equal(small.y_test, whole.y_test)
    by_hand = whole.x_valid[5, 0, 8:12, 12:16].mean()
    there = small.x_valid[5, 0, 2, 3]
    others = whole.x_valid[5, 0, 12:16, 12:16].mean(), small.x_valid[5, 0, 3, 3]
    slope = small.x_valid.std() / averaged(whole.x_valid, 7, "x").std()
    assert there - others[1] == pytest.approx(slope * (by_hand - others[0]), abs=1e-4)


def test_averaging_is_of_squares() -> None:
    x = np.arange(32, dtype=np.uint8).reshape(1, 2, 4, 4)
    assert averaged(x, 2, "x").tolist() == [
        [[[2.5, 4.5], [10.5, 12.5]], [[18.5, 20.5], [26.5, 28.5]]]
    ]


def test_larger_images_are_enlarged_between_pixels() -> None:
    """Against ``scipy.ndimage.zoom`` on the grid of pixel centres, edges continued."""
    small, large = load("mnist5k"), load("mnist5k", size=32, channels=3)
    assert large.shape == (3, 32, 32)
    assert (large.x_test[:, 0] == large.x_test[:, 2]).all()
    assert np.array_equal(large.y_test, small.y_test)
    image = small.x_valid[5, 0].astype(np.float64)
    wanted = zoom(image, 32 / 28, order=1, mode="nearest", grid_mode=True)
    found = large.x_valid[5, 0].astype(np.float64)
    line = np.polyfit(wanted.ravel(), found.ravel(), 1)
    assert np.abs(np.polyval(line, wanted) - found).max() < 1e-4


@pytest.mark.parametrize("channels", [0, -1, 2.0, True])
def test_channels_are_counted(channels: Any) -> None:
    with pytest.raises(ParameterError, match="'channels' parameter of mnist5k"):
        load("mnist5k", channels=channels)


@pytest.mark.parametrize("size", [0, 5, 28.0, True, "14"])
def test_a_size_must_divide(size: Any) -> None:
    with pytest.raises(ParameterError, match=r"The 'size' .* mnist5k must be a divisor of 28"):
        load("mnist5k", size=size)


@pytest.mark.parametrize("train", [0, -1, 1100, 2.5, True])
def test_so_many_must_be_there(train: Any) -> None:
    with pytest.raises(ParameterError, match=r"The 'train' option of the data set digits .* 1099"):
        load("digits", train=train)


def test_unknown_and_missing_options() -> None:
    with pytest.raises(ParameterError, match="no option 'sise'; did you mean 'size'"):
        load("mnist5k", sise=14)
    with pytest.raises(ParameterError, match="needs the option 'path'"):
        load("npz")
    with pytest.raises(ParameterError, match="digits has no option 'test'"):
        load("digits", test=5)


def test_mnist_without_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mnist_module, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match="mnist5k"):
        load("mnist5k")


def test_mnist_with_a_damaged_file() -> None:
    for content in (b"", b"nonsense", gzip.compress(b"1,2\n3,4\n")):
        with pytest.raises(DataMissing, match="is damaged"):
            mnist_module._parsed(content, Path("mnist_5k.csv.gz"))


def test_every_data_set_describes_itself() -> None:
    found = {entry.name: entry for entry in registry.describe("datasets")}
    assert set(found) >= {"digits", "mnist5k", "cifar10", "cifar100", "image_folder", "npz"}
    assert all(entry.summary for entry in found.values())
    assert found["mnist5k"].extra == "mnist5k"


# -- any .npz --------------------------------------------------------------------------------------


def _rows(n: int = 400, seed: int = 0) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    rng = np.random.default_rng(seed)
    return rng.normal(3, 2, (n, 4)), rng.integers(0, 3, n)


def _saved(path: Path, **arrays: Any) -> str:
    np.savez(path, **arrays)
    return str(path)


def _same(a: Dataset, b: Dataset) -> bool:
    return a.sha256 == b.sha256 and all(
        np.array_equal(x, y) for x, y in zip(parts(a).values(), parts(b).values(), strict=True)
    )


def _numbers(data: Dataset) -> list[list[int]]:
    """Return the first feature of each part as the file holds it, whole numbers."""
    firsts = [x[:, 0] * data.deviation[0] + data.mean[0] for x in parts(data).values()]
    return [np.rint(first).astype(int).tolist() for first in firsts]


def test_parts_do_not_depend_on_order(tmp_path: Path) -> None:
    x, y = _rows()
    mixed = np.random.default_rng(1).permutation(len(x))
    a = load("npz", path=_saved(tmp_path / "a.npz", X=x, y=y))
    b = load("npz", path=_saved(tmp_path / "b.npz", X=x[mixed], y=y[mixed]))
    assert _same(a, b)


def test_an_example_stays_where_it_is_when_others_come(tmp_path: Path) -> None:
    x, y = _rows(600)
    x[:, 0] = np.arange(600)
    a = load("npz", path=_saved(tmp_path / "a.npz", X=x[:300], y=y[:300]))
    b = load("npz", path=_saved(tmp_path / "b.npz", X=x, y=y))
    for few, all_ in zip(_numbers(a), _numbers(b), strict=True):
        assert few == [i for i in all_ if i < 300]


def test_equal_examples_are_in_one_part(tmp_path: Path) -> None:
    x, y = _rows(300)
    x[:, 0] = np.arange(300)
    twin = x.copy()
    twin[0, 0] = -0.0
    path = _saved(tmp_path / "a.npz", X=np.concatenate([x, twin]), y=np.tile(y, 2))
    data = load("npz", path=path)
    for part in _numbers(data):
        assert [part.count(i) for i in part] == [2] * len(part)


def test_too_few_different_examples_are_counted(tmp_path: Path) -> None:
    x = np.repeat([[0.5, 2.0], [-0.0, 1.0], [0.0, 1.0]], 60, axis=0)
    with pytest.raises(TableError, match=r"too few examples \(180, of which 2 different; equal"):
        load("npz", path=_saved(tmp_path / "a.npz", X=x, y=np.arange(180) % 2))


def test_shares_and_uniform_hashes(tmp_path: Path) -> None:
    """Counts within four standard deviations of .6, .2, .2 of 20,000."""
    x = np.arange(20_000, dtype=np.float64)[:, None]
    data = load("npz", path=_saved(tmp_path / "a.npz", X=x, y=np.arange(20_000) % 2))
    sizes = [len(part) for part in parts(data).values()]
    for size, share in zip(sizes, (0.6, 0.2, 0.2), strict=True):
        assert abs(size - 20_000 * share) < 4 * (20_000 * share * (1 - share)) ** 0.5
    first = data.x_train[:1000].mean()
    assert abs(first) < 4 / 1000**0.5


def test_constant_features_are_zero_everywhere(tmp_path: Path) -> None:
    x, y = _rows()
    x[:, 1] = 0.1
    x[:, 2] = 1e6 + np.arange(400) % 2 * 1e-3
    data = load("npz", path=_saved(tmp_path / "a.npz", X=x, y=y))
    assert not any(part[:, 1:3].any() for part in parts(data).values())


def test_images_and_names_of_classes(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(0, 255, (60, 5, 6), dtype=np.uint8)
    y = np.array(["dog", "cat"])[np.arange(60) % 2]
    data = load("npz", path=_saved(tmp_path / "a.npz", X=x, y=y))
    assert data.shape == (1, 5, 6)
    assert data.class_names == ("cat", "dog")


def test_channels_come_first(tmp_path: Path) -> None:
    """Pillow's layout is refused; what the error says to do gives each channel back."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, 255, (60, 6, 5, 3), dtype=np.uint8)
    y = np.arange(60) % 2
    path = _saved(tmp_path / "a.npz", X=x, y=y)
    said = r"a\.npz: X .* \(60, 6, 5, 3\).* X\.transpose\(0, 3, 1, 2\)"
    with pytest.raises(TableError, match=said):
        load("npz", path=path)
    data = load("npz", path=_saved(tmp_path / "b.npz", X=x.transpose(0, 3, 1, 2), y=y))
    raw = np.concatenate([p * data.deviation + data.mean for p in parts(data).values()])
    assert sorted(raw.sum((2, 3)).round().tolist()) == sorted(x.sum((1, 2)).tolist())
    narrow = x.transpose(0, 3, 1, 2)[:, :, :, :3]
    for fine in (narrow, narrow[:, :2].swapaxes(2, 3)):
        found = load("npz", path=_saved(tmp_path / "c.npz", X=fine, y=y))
        assert found.shape == fine.shape[1:]


X, Y = _rows()
WITH_NAN = np.where(np.arange(1600).reshape(400, 4) == 9, np.nan, X)
FAULTY: list[tuple[dict[str, Any], str]] = [
    ({"X": X}, "no array 'y'; it has X"),
    ({"a": X}, "no array 'X' and no array 'y'"),
    ({"X": X, "y": Y[:-1]}, r"y must be \(400,\)"),
    ({"X": X, "y": Y[:, None]}, r"y must be \(400,\)"),
    ({"X": X[:, 0], "y": Y}, r"X must be \(n, features\)"),
    ({"X": X[:, :0], "y": Y}, r"X must be \(n, features\)"),
    ({"X": WITH_NAN, "y": Y}, "1 examples are not, the first in row 2"),
    ({"X": X * 1e300, "y": Y}, "finite in single precision"),
    ({"X": X.astype(str), "y": Y}, "X must be numbers"),
    ({"X": X.astype(complex), "y": Y}, "X must be numbers"),
    ({"X": X, "y": Y / 2}, "y must be whole numbers or strings"),
    ({"X": X, "y": np.zeros(400, int)}, "at least two classes"),
    ({"X": X[:4], "y": np.array([0, 1, 0, 1])}, r"too few examples \(4\): none is left for"),
    ({"X": X[:4], "y": np.array(["a", "b", "a", "c"])}, "one only of 'b', 'c': add some"),
    ({"X": X, "y": np.arange(400)}, "one only of '0', '1', '2', '3', '4' and 395 more"),
    ({"X": X.astype(object), "y": Y}, "objects are refused"),
]


@pytest.mark.parametrize(("arrays", "message"), FAULTY)
def test_faults_of_an_npz_are_named(tmp_path: Path, arrays: Any, message: str) -> None:
    path = _saved(tmp_path / "a.npz", **arrays)
    with pytest.raises(TableError, match=message):
        load("npz", path=path)


def test_what_is_no_npz(tmp_path: Path) -> None:
    with pytest.raises(DataMissing, match="there is no file"):
        load("npz", path=str(tmp_path / "absent.npz"))
    np.save(tmp_path / "one.npy", X)
    (tmp_path / "text.npz").write_text("X, y")
    (tmp_path / "pickle.npz").write_bytes(pickle.dumps({"X": 1}))
    whole = Path(_saved(tmp_path / "cut.npz", X=X, y=Y))
    whole.write_bytes(whole.read_bytes()[:5000])
    for name, message in (
        ("one.npy", "a single array"),
        ("text.npz", "cannot be read"),
        ("pickle.npz", "cannot be read"),
        ("cut.npz", "cannot be read"),
    ):
        with pytest.raises(TableError, match=message):
            load("npz", path=str(tmp_path / name))
