"""How a network is trained, checked when it is written down."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from workbench.errors import ParameterError

Positive = Annotated[int, Field(ge=1, strict=True)]
Pixels = Annotated[int, Field(ge=0, strict=True)]
Rate = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, lt=1)]
Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Settings(BaseModel):
    """What is the same for all networks of one measurement.

    Attributes
    ----------
    epochs, batch_size : int
        The batches of an epoch are as equal in size as can be.
    optimiser : {"sgd", "adam", "adamw"}
        SGD with Nesterov's momentum unless told otherwise.
    learning_rate, momentum, nesterov, weight_decay
        As torch takes them; the decay is of all weights.
    schedule : {"cosine", "constant"}
        Cosine: from the learning rate to 0 over all steps (Loshchilov and Hutter, "SGDR", 2016,
        arXiv:1608.03983, without restarts).
    label_smoothing : float
        Szegedy et al., "Rethinking the Inception Architecture", 2015, arXiv:1512.00567.
    clip : float or None
        Largest norm of a gradient; a longer one is shortened.
    crop, flip, cutout : int, bool, int
        For images: shift by up to so many pixels, mirror every other, and black out a square of
        that side (DeVries and Taylor, "Cutout", 2017, arXiv:1708.04552).
    deterministic : bool
        On a GPU: only algorithms whose sums come in one order; often slower by a third. On a CPU
        trainings repeat to the bit anyway.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    epochs: Positive = 12
    batch_size: Positive = 64
    optimiser: Literal["sgd", "adam", "adamw"] = "sgd"
    learning_rate: Rate = 0.1
    momentum: Share = 0.9
    nesterov: bool = True
    weight_decay: Amount = 5e-4
    schedule: Literal["cosine", "constant"] = "cosine"
    label_smoothing: Share = 0.0
    clip: Rate | None = None
    crop: Pixels = 0
    flip: bool = False
    cutout: Pixels = 0
    deterministic: bool = False

    @classmethod
    def of(cls, **values: Any) -> Settings:
        """Return settings, or raise ``ParameterError`` with every value that is wrong."""
        try:
            return cls(**values)
        except ValidationError as error:
            faults = [
                f"the training setting {'.'.join(map(str, e['loc']))!r}: {e['msg']}"
                f" (got {e['input']!r})"
                for e in error.errors()
            ]
            raise ParameterError("; ".join(faults)) from error
