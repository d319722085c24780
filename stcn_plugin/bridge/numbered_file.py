"""Numbered files: the last number in the file name is the frame."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from stcn_plugin.errors import HostError
from stcn_plugin.frames import padded


@dataclass(frozen=True)
class NumberedFile:
    """A file whose name has a frame number.

    Args:
        folder: Its folder.
        prefix: File name before the number.
        number: The number, with its padding.
        ending: File name after the number.
    """

    folder: Path
    prefix: str
    number: str
    ending: str

    @classmethod
    def parse(cls, path: str) -> NumberedFile:
        """Split the path of a file.

        Raises:
            HostError: The file name has no number.
        """
        file = Path(path)
        numbers = list(re.finditer(r"\d+", file.stem, re.ASCII))
        if not numbers:
            raise HostError(
                "the plate's file has no frame number",
                where=path,
                fix="Use an image sequence, such as plate.1001.exr, plate.1002.exr and so on",
            )
        last = numbers[-1]
        return cls(file.parent, file.stem[: last.start()], last[0], file.stem[last.end() :] + file.suffix)

    @property
    def pattern(self) -> str:
        """The frame pattern: ``plate.####.exr``."""
        return str(self.folder / f"{self.prefix}{'#' * len(self.number)}{self.ending}")

    @property
    def stem(self) -> str:
        """The file name without number and ending; ``plate`` if nothing is left."""
        return self.prefix.rstrip("._- ") or "plate"

    def path(self, number: int) -> Path:
        """Return the file with another number."""
        return self.folder / f"{self.prefix}{padded(number, len(self.number))}{self.ending}"

    def numbers_on_disk(self) -> list[int]:
        """Return the numbers of existing files, ascending."""
        try:
            names = [file.name for file in self.folder.iterdir()]
        except OSError:
            return []
        form = re.compile(rf"{re.escape(self.prefix)}(\d+){re.escape(self.ending)}", re.ASCII)
        matches = (match for name in names if (match := form.fullmatch(name)))
        return sorted(int(match[1]) for match in matches if self.path(int(match[1])).name == match[0])
