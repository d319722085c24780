"""Frame patterns: which file holds which frame.

A pattern is written ``name.####.exr``. ``name.%04d.exr``, ``name.$F4.exr`` and ``name.@@@@.exr`` mean the same, and so
does the name of one file of a sequence that is on disk, or a folder that holds one sequence and no other.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from stcn_plugin.errors import FrameRangeError
from stcn_plugin.frames import format_frame_range

OBJECT = "<object>"
"""Stands for an object's name in a pattern of one file per object."""

_TOKEN = re.compile(r"#+|@+|%0?\d*d|\$F\d*")
_NUMBERED = re.compile(
    r"""
    (?P<prefix>.*?)
    (?<![vV])                               # v002 is a version, not a frame
    (?<!\d)
    (?P<number>(?:(?<![^._])-)?\d+)         # the minus of a negative frame follows a dot, '_' or nothing
    (?P<suffix>\.[A-Za-z]\w*)
    """,
    re.VERBOSE,
)
_RANGE_BEFORE = re.compile(r"-?\d+--?\d+(?:x\d+)?$")
_RANGE_AFTER = re.compile(r"\s+-?\d[-\dx, ]*$")
_PICTURES = frozenset(
    {".exr", ".png", ".jpg", ".jpeg", ".tif", ".tiff", ".dpx", ".cin", ".tga", ".hdr", ".webp", ".bmp"}
)
_EXAMPLE = "Write the frame number as #, such as plate.####.exr"


@dataclass(frozen=True)
class FrameSequence:
    """The files of a plate or of mattes, one per frame; need not exist on disk.

    >>> FrameSequence.parse("shot/hero.%04d.exr").path(-2).as_posix()
    'shot/hero.-0002.exr'

    Args:
        folder: Where the files are; may hold ``<object>``.
        prefix: File name before the frame number, with its dot; may hold ``<object>``.
        padding: Digits of the frame number at least; larger numbers take more.
        ending: File name after the frame number, such as ``.exr``.
    """

    folder: Path
    prefix: str
    padding: int
    ending: str

    @classmethod
    def parse(cls, pattern: str | Path) -> FrameSequence:
        """Read a pattern, the name of one file of a sequence on disk, or a folder that holds one sequence.

        Args:
            pattern: As the artist or the host wrote it; ``~`` is the home folder.

        Raises:
            FrameRangeError: There is no frame number in it, or the folder holds no sequence or several.
        """
        path = Path(pattern).expanduser()
        tokens = list(_TOKEN.finditer(path.name))
        if len(tokens) == 1:
            return _from_token(path, tokens[0])
        if len(tokens) > 1:
            raise FrameRangeError("the pattern has several frame numbers", where=str(pattern), fix=_EXAMPLE)
        if path.is_dir():
            return _only_sequence_in(path)
        match = _NUMBERED.fullmatch(path.name)
        same_name = _sequences_in(path.parent).get((match["prefix"], match["suffix"]), []) if match else []
        if not match or not same_name:
            fix = f"Write it as {_hashed(match)}" if match else _EXAMPLE
            raise FrameRangeError("the pattern has no frame number", where=str(pattern), fix=fix)
        return cls(path.parent, match["prefix"], _padding_of(same_name), match["suffix"])

    @property
    def pattern(self) -> str:
        """The pattern with its frame number as ``#``, one per digit."""
        return str(self.folder / f"{self.prefix}{'#' * self.padding}{self.ending}")

    @property
    def suffix(self) -> str:
        """The file type, lower-case with its dot: ``.exr``."""
        return Path(self.ending).suffix.lower() or self.ending.lower()

    @property
    def has_object(self) -> bool:
        """Whether ``<object>`` stands somewhere in the pattern."""
        return OBJECT in str(self.folder) or OBJECT in self.prefix or OBJECT in self.ending

    def path(self, frame: int) -> Path:
        """Return the file of a frame; a negative frame is ``-0002``: the sign, then all digits of the padding."""
        sign = "-" if frame < 0 else ""
        return self.folder / f"{self.prefix}{sign}{abs(frame):0{self.padding}d}{self.ending}"

    def frames_on_disk(self) -> tuple[int, ...]:
        """Return the frames that have a file now, ascending; none where the folder is absent.

        Raises:
            FrameRangeError: The folder exists and cannot be read.
        """
        start, end = len(self.prefix), len(self.ending)
        frames = []
        for name in _names_in(self.folder):
            if not (name.startswith(self.prefix) and name.endswith(self.ending) and len(name) > start + end):
                continue
            digits = name[start : len(name) - end]
            # A file counts only where path() leads back to it: -002 or an unpadded 7 belongs to another sequence.
            if re.fullmatch(r"-?\d+", digits, re.ASCII) and self.path(int(digits)).name == name:
                frames.append(int(digits))
        return tuple(sorted(frames))

    def with_object(self, name: str) -> FrameSequence:
        """Return the sequence of one object's files.

        ``name`` takes the place of ``<object>``; a pattern without it gets the name before the frame number
        (``matte.####.png`` becomes ``matte.hero.####.png``).

        Args:
            name: The object's name, fit for a file name.
        """
        if self.has_object:
            folder = Path(str(self.folder).replace(OBJECT, name))
            prefix, ending = self.prefix.replace(OBJECT, name), self.ending.replace(OBJECT, name)
            return replace(self, folder=folder, prefix=prefix, ending=ending)
        separator = self.prefix[-1] if self.prefix[-1:] in {".", "_", "-"} else "."
        stem = self.prefix.removesuffix(separator)
        return replace(self, prefix=f"{stem}{separator}{name}{separator}" if stem else f"{name}{separator}")

    def describe(self, frames: Iterable[int]) -> str:
        """Return the pattern's file name and a frame range, as people write both together."""
        return f"{Path(self.pattern).name} {format_frame_range(frames)}".rstrip()

    def __str__(self) -> str:
        return self.pattern


def _from_token(path: Path, token: re.Match[str]) -> FrameSequence:
    """Split a file name at its frame number."""
    prefix, ending = path.name[: token.start()], path.name[token.end() :]
    range_around = _RANGE_BEFORE.search(prefix) or _RANGE_AFTER.search(ending)
    if range_around:
        clean = path.name.replace(range_around.group(), "")
        fix = f"Write the pattern {clean} and give {range_around.group().strip()} as the frame range"
        raise FrameRangeError("the pattern has a frame range inside", where=str(path), fix=fix)
    if not Path("x" + ending).suffix:
        raise FrameRangeError("the pattern has no file type after the frame number", where=str(path), fix=_EXAMPLE)
    return FrameSequence(path.parent, prefix, _padding(token.group()), ending)


def _padding(token: str) -> int:
    """Return the digits that ``####``, ``%04d``, ``$F4`` or ``@@@@`` asks for."""
    from fileseq.constants import PAD_STYLE_HASH1  # importing costs 65 ms, and only a pattern needs it
    from fileseq.filesequence import FileSequence

    # HASH1: one digit per '#'. fileseq's default takes four, which no compositing tool does.
    return int(FileSequence.getPaddingNum(token, pad_style=PAD_STYLE_HASH1))


def _names_in(folder: Path) -> Iterator[str]:
    """Yield the visible file names of a folder; none where there is no such folder."""
    try:
        with os.scandir(folder) as entries:
            yield from (entry.name for entry in entries if not entry.name.startswith("."))
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise FrameRangeError(f"the folder cannot be read ({error.strerror})", where=str(folder)) from error


def _sequences_in(folder: Path) -> dict[tuple[str, str], list[str]]:
    """Group the numbered pictures of a folder: prefix and suffix to the frame numbers as written."""
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name in _names_in(folder):
        match = _NUMBERED.fullmatch(name)
        if match and match["suffix"].lower() in _PICTURES:
            found[match["prefix"], match["suffix"]].append(match["number"])
    return found


def _padding_of(numbers: Iterable[str]) -> int:
    """Return the padding of the frame numbers of one sequence: the shortest tells."""
    return min(len(number.lstrip("-")) for number in numbers)


def _hashed(match: re.Match[str]) -> str:
    return f"{match['prefix']}{'#' * len(match['number'].lstrip('-'))}{match['suffix']}"


def _only_sequence_in(folder: Path) -> FrameSequence:
    """Return the one sequence of a folder."""
    found = _sequences_in(folder)
    sequences = [FrameSequence(folder, *_parts(key, numbers)) for key, numbers in sorted(found.items())]
    if len(sequences) == 1:
        return sequences[0]
    if not sequences:
        raise FrameRangeError("the folder holds no numbered pictures", where=str(folder), fix=_EXAMPLE)
    listed = ", ".join(sequence.describe(sequence.frames_on_disk()) for sequence in sequences[:8])
    more = f" and {len(sequences) - 8} more" if len(sequences) > 8 else ""
    raise FrameRangeError(
        f"the folder holds {len(sequences)} sequences: {listed}{more}",
        where=str(folder),
        fix=f"Name the one that is meant, such as {sequences[0].pattern}",
    )


def _parts(key: tuple[str, str], numbers: list[str]) -> tuple[str, int, str]:
    return key[0], _padding_of(numbers), key[1]
