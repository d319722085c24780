"""Numbered files as Blender sees them: the last number in a file's name is its frame."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from stcn_plugin.errors import HostError
from stcn_plugin.frames import padded, parse_frame_range

_PART = re.compile(r"(-?\d+)(?:-(-?\d+)(x\d+)?)?", re.ASCII)


@dataclass(frozen=True)
class Numbered:
    """A file whose name holds a frame number.

    Args:
        folder: Where it is.
        prefix: Its name before the number.
        number: The number, with its padding.
        ending: Its name after the number.
    """

    folder: Path
    prefix: str
    number: str
    ending: str

    @classmethod
    def parse(cls, path: str) -> Numbered:
        """Read the name of a file.

        Raises:
            HostError: There is no number in it.
        """
        file = Path(path)
        numbers = list(re.finditer(r"\d+", file.stem, re.ASCII))
        if not numbers:
            raise HostError(
                "the plate's file has no frame number",
                where=path,
                fix="Use an image sequence, such as plate.1001.exr and so on",
            )
        last = numbers[-1]
        return cls(file.parent, file.stem[: last.start()], last[0], file.stem[last.end() :] + file.suffix)

    @property
    def pattern(self) -> str:
        """The frame pattern: ``plate.####.exr``."""
        return str(self.folder / f"{self.prefix}{'#' * len(self.number)}{self.ending}")

    @property
    def stem(self) -> str:
        """Its name without number and ending, as a name for what is made of it."""
        return self.prefix.rstrip("._- ") or "plate"

    def path(self, number: int) -> Path:
        """Return the file of another number."""
        return self.folder / f"{self.prefix}{padded(number, len(self.number))}{self.ending}"

    def numbers_on_disk(self) -> list[int]:
        """Return the numbers that have a file, ascending."""
        try:
            names = [file.name for file in self.folder.iterdir()]
        except OSError:
            return []
        form = re.compile(rf"{re.escape(self.prefix)}(\d+){re.escape(self.ending)}", re.ASCII)
        found = (match for name in names if (match := form.fullmatch(name)))
        return sorted(int(match[1]) for match in found if self.path(int(match[1])).name == match[0])


def shifted(frame_range: str, shift: int) -> str:
    """Return a frame range with ``shift`` added to every number.

    Raises:
        FrameRangeError: It is no frame range.
    """
    parse_frame_range(frame_range)

    def moved(part: re.Match[str]) -> str:
        first, last, step = part.groups()
        end = f"-{int(last) + shift}{step or ''}" if last else ""
        return f"{int(first) + shift}{end}"

    return _PART.sub(moved, frame_range)
