"""Part of a study, for array jobs: every so manieth run, in a folder of its own."""

from __future__ import annotations

import re
from typing import NamedTuple

from workbench.errors import StudyError
from workbench.harness.sections import Study


class Shard(NamedTuple):
    """Shard ``number`` (from 1) of ``of``, written ``3/16``."""

    number: int
    of: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Return the shard that a text such as ``3/16`` names.

        Raises
        ------
        StudyError
            It names none.
        """
        found = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", text)
        number, of = map(int, found.groups()) if found else (0, 0)
        if not 1 <= number <= of:
            raise StudyError(f"--shard {text}: write which one and of how many, from 1/16 to 16/16")
        return cls(number, of)

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    def folder(self, study: Study) -> str:
        """Return the name of the folder that it is run into by default."""
        if self == WHOLE:
            return study.name
        return f"{study.name}-shard-{self.number}-of-{self.of}"

    def numbers(self, study: Study) -> list[int]:
        """Return the numbers of its runs, rising.

        Runs are dealt out one by one, replicates first, so that every shard has its share of each
        benchmark and of each entry; runs that the study wants together stay together.
        """
        every = [study.together(run) for run in range(study.runs)]
        mine = {*list(dict.fromkeys(every))[self.number - 1 :: self.of]}
        return [run for run, group in enumerate(every) if group in mine]


WHOLE = Shard(1, 1)
