"""What trainings came to, kept on disk under a hash of all that decides it.

A result is a small file of JSON with one number an epoch; beside it lies the checkpoint of a
training that is not complete. Both are written under another name and then moved.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from math import isnan, nan
from pathlib import Path
from uuid import uuid4

from filelock import FileLock

from workbench.cache import folder
from workbench.errors import StoreError

_log = logging.getLogger(__name__)


@dataclass
class Result:
    """What one training came to so far, one entry an epoch; NaN where it has diverged.

    ``valid`` and ``test`` are accuracies in percent; ``seconds`` are of each epoch alone, and
    ``params`` counts trained weights.
    """

    params: int
    valid: list[float] = field(default_factory=list)
    test: list[float] = field(default_factory=list)
    train_loss: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    @property
    def epochs(self) -> int:
        """How many are done."""
        return len(self.valid)


class Results:
    """The results of one benchmark, in the user's cache.

    Parameters
    ----------
    name : str
        Of the benchmark, such as ``live/nb201/digits``.
    """

    def __init__(self, name: str) -> None:
        self.folder = folder() / name

    def read(self, key: str) -> Result | None:
        """Return what is stored, None where nothing is, or nothing that can be read."""
        path = self._path(key, "json")
        try:
            stored = json.loads(path.read_text(encoding="utf-8"))
            curves = {k: [nan if v is None else float(v) for v in stored[k]] for k in _CURVES}
            if len({len(values) for values in curves.values()}) != 1:
                raise ValueError("curves of different lengths")
            return Result(int(stored["params"]), **curves)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            _log.warning("%s cannot be read (%s); it is trained again", path, error)
            return None

    def write(self, key: str, result: Result) -> None:
        """Store a result in place of the one before."""
        stored = asdict(result)
        for name in _CURVES:
            stored[name] = [None if isnan(v) else v for v in stored[name]]
        path = self._path(key, "json")
        temporary = path.with_name(f".{path.name}-{uuid4().hex}.tmp")
        try:
            temporary.write_text(json.dumps(stored), encoding="utf-8")
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise

    def checkpoint(self, key: str) -> Path:
        """Return where the checkpoint of a training is."""
        return self._path(key, "ckpt")

    @contextmanager
    def alone(self, key: str) -> Iterator[None]:
        """Keep other processes from the same training; they find its result when they get in.

        Raises
        ------
        StoreError
            Nothing can be written there.
        """
        path = self._path(key, "lock").with_name("lock")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            lock = FileLock(path)
            lock.acquire()
        except OSError as error:
            raise StoreError(
                f"trainings are kept in {self.folder}, which cannot be written"
                f" ({error.strerror}); WORKBENCH_CACHE names another folder"
            ) from error
        try:
            yield
        finally:
            lock.release()

    def _path(self, key: str, ending: str) -> Path:
        return self.folder / key[:2] / f"{key}.{ending}"


_CURVES = ("valid", "test", "train_loss", "seconds")
