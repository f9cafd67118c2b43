"""Images seen a little differently each time: shifted, mirrored, with a square blacked out."""

from __future__ import annotations

import torch
from torch import Tensor

from workbench.training.settings import Settings


def augment(images: Tensor, settings: Settings, random: torch.Generator) -> Tensor:
    """Return images ``(n, c, h, w)`` shifted, mirrored and cut as the settings say.

    Random numbers are drawn on the CPU, so that all devices see the same images. What is shifted
    in, or cut out, is 0: the mean of standardised pixels.
    """
    if settings.crop:
        images = _shifted(images, settings.crop, random)
    if settings.flip:
        mirrored = torch.rand(len(images), generator=random).to(images.device) < 0.5
        images = torch.where(mirrored[:, None, None, None], images.flip(3), images)
    if settings.cutout:
        images = _cut(images, settings.cutout, random)
    return images


def _shifted(images: Tensor, most: int, random: torch.Generator) -> Tensor:
    n, _, height, width = images.shape
    padded = torch.nn.functional.pad(images, (most,) * 4)
    rows, columns = torch.randint(2 * most + 1, (2, n, 1), generator=random).to(images.device)
    rows = rows + torch.arange(height, device=images.device)
    columns = columns + torch.arange(width, device=images.device)
    of_image = torch.arange(n, device=images.device)[:, None, None]
    seen = padded.permute(0, 2, 3, 1)[of_image, rows[:, :, None], columns[:, None, :]]
    return seen.permute(0, 3, 1, 2)


def _cut(images: Tensor, side: int, random: torch.Generator) -> Tensor:
    """Black out a square whose centre may be any pixel, so that it may reach over the edge."""
    n, _, height, width = images.shape
    inside = []
    for size in (height, width):
        start = torch.randint(size, (n, 1), generator=random) - side // 2
        place = torch.arange(size)
        inside.append((place >= start) & (place < start + side))
    hole = (inside[0][:, :, None] & inside[1][:, None, :]).to(images.device)
    return images.masked_fill(hole[:, None], 0.0)
