"""Any images in folders named like their classes, ``path/cat/1.png``, ``path/dog/2.jpg``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from workbench.errors import DataMissing, ParameterError, TableError
from workbench.training.datasets._base import Examples, Source
from workbench.training.datasets._split import check_classes, hash_shares

EXTRA = "images"

_SUFFIXES = frozenset((".png", ".jpg", ".jpeg", ".bmp", ".gif", ".ppm", ".pgm", ".tif", ".webp"))

_USAGE = """\
A picture becomes an input like this: {colour}, stretched to {size} x {size} pixels whatever its
proportions (Pillow's bilinear resize; nothing is cropped, nor turned by what EXIF says), and its
numbers, from 0 to 255, as they are:

    import numpy as np
    import torch
    from PIL import Image

    picture = Image.open("picture.png").convert("RGB"){grey}
    picture = picture.resize(({size}, {size}), Image.Resampling.BILINEAR)
    x = torch.from_numpy(np.array(picture, dtype=np.float32)){axes}
"""
_IN = {
    1: {"colour": "its colours made grey", "grey": '.convert("L")', "axes": "[None, None]"},
    3: {"colour": "in colour (RGB)", "grey": "", "axes": ".permute(2, 0, 1)[None]"},
}


class ImageFolder(Source):
    """Images of any size, in colour or grey, made square.

    Parameters
    ----------
    path : str
        Each folder in it is a class of two images or more; hidden folders and other files are
        passed over.
    size : int, default=32
        Height and width that all images are stretched to, by Pillow's bilinear resize; nothing is
        cropped.
    channels : {3, 1}, default=3
        Colour or grey.
    """

    def __init__(self, path: str, size: int = 32, channels: int = 3) -> None:
        if isinstance(size, bool) or not isinstance(size, int) or size < 1:
            raise ParameterError(
                "The 'size' parameter of image_folder must be an integer of at least 1."
                f" Got {size!r} instead."
            )
        if channels not in (1, 3):
            raise ParameterError(
                "The 'channels' parameter of image_folder must be 3 (colour) or 1 (grey)."
                f" Got {channels!r} instead."
            )
        self.path = Path(path).expanduser()
        self.size = size
        self.channels = channels

    def read(self) -> Examples:
        """Return all examples; see ``Source.read``."""
        files = _files(self.path)
        labels = np.repeat(np.arange(len(files)), [len(found) for found in files.values()])
        check_classes(self.path, labels, tuple(files))
        read = [self._image(file) for found in files.values() for file in found]
        images = np.stack([image for image, _ in read])
        shares = np.concatenate([share for _, share in read])
        return Examples(images, labels.astype(np.int64), shares, tuple(files))

    @property
    def usage(self) -> str:
        """How a picture becomes an input; see ``Source.usage``."""
        return _USAGE.format(size=self.size, **_IN[self.channels])

    def _image(self, file: Path) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
        """Return an image ``(c, size, size)``, and the hash of what it was before.

        The split must not depend on the size or the channels that are asked for.
        """
        try:
            with Image.open(file) as opened:
                image = opened.convert("RGB")
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            raise TableError(f"{file} cannot be read as an image ({error}); remove it") from error
        share = hash_shares(np.asarray(image)[None])
        if self.channels == 1:
            image = image.convert("L")
        square = image.resize((self.size, self.size), Image.Resampling.BILINEAR)
        pixels = np.asarray(square).reshape(self.size, self.size, self.channels)
        return pixels.transpose(2, 0, 1), share


def _files(folder: Path) -> dict[str, list[Path]]:
    """Return the images of each class, both in the order of their names."""
    if not folder.is_dir():
        raise DataMissing(f"there is no folder {folder}")
    classes = sorted(c for c in folder.iterdir() if c.is_dir() and not c.name.startswith("."))
    found = {c.name: sorted(f for f in c.iterdir() if _is_image(f)) for c in classes}
    if len(found) < 2:
        raise TableError(
            f"{folder} must hold at least two folders with images, one a class; it holds"
            f" {', '.join(found) or 'none'}"
        )
    if empty := [name for name, files in found.items() if not files]:
        raise TableError(
            f"{folder}: each folder in it is a class, and there is no image"
            f" ({', '.join(sorted(_SUFFIXES))}) in {', '.join(empty)}: remove it, or name it"
            f" .{empty[0]} to have it passed over"
        )
    return found


def _is_image(file: Path) -> bool:
    return file.suffix.lower() in _SUFFIXES and not file.name.startswith(".")
