"""Frame patterns: which file holds which frame.

A pattern is written ``name.####.exr``. ``name.%04d.exr``, ``name.$F4.exr`` and ``name.@@@@.exr`` mean the same, and so
does the name of one file of a sequence that is on disk, or a folder that holds one sequence and no other.
"""

from __future__ import annotations

import bisect
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from stcn_plugin.errors import FrameRangeError
from stcn_plugin.frames import MAX_DIGITS, format_frame_range, frame_token, padded, shortened
from stcn_plugin.media.listing import as_on_disk, has_invalid_utf8, is_folder, names_in, suggest_pattern, to_nfc
from stcn_plugin.media.patterns import (
    EXAMPLE,
    NUMBERED,
    for_message,
    invalid_utf8_error,
    no_number_error,
    padding_of,
    path_of,
    sequences_in,
    split_at_number,
)

OBJECT = "<object>"
"""Stands for an object's name in a pattern of one file per object."""


@dataclass(frozen=True)
class FilesOnDisk:
    """The files of a sequence that are on disk, as its folder listed them once.

    Args:
        folder: Where they are; may be of another normal form than was asked for.
        names: Frame to file name, ascending.
        broken: Frame to the name of a link whose file is gone, ascending.
    """

    folder: Path
    names: Mapping[int, str]
    broken: Mapping[int, str]

    @cached_property
    def frames(self) -> tuple[int, ...]:
        """The frames that have a file, ascending."""
        return tuple(self.names)

    def path(self, frame: int) -> Path | None:
        """Return the file of a frame; ``None`` where there is none, or only a link to nothing."""
        name = self.names.get(frame)
        return None if name is None else self.folder / name

    def held(self, frame: int) -> int | None:
        """Return the nearest earlier frame with a file, before the first the first; ``None`` where there is none."""
        position = bisect.bisect_right(self.frames, frame)
        return self.frames[max(0, position - 1)] if self.frames else None


@dataclass(frozen=True)
class FrameSequence:
    """The files of a plate or of mattes, one per frame; need not exist on disk.

    >>> FrameSequence.parse("shot/hero.%04d.exr").path(-2).as_posix()
    'shot/hero.-002.exr'

    Args:
        folder: Where the files are; may hold ``<object>``.
        prefix: File name before the frame number, with its dot; may hold ``<object>``.
        padding: Characters of the frame number at least; larger numbers take more.
        ending: File name after the frame number, such as ``.exr``.
    """

    folder: Path
    prefix: str
    padding: int
    ending: str

    @classmethod
    def parse(cls, pattern: str | Path) -> FrameSequence:
        """Read a pattern, the name of one file of a sequence on disk, or a folder that holds one sequence.

        Of several tokens in a file name the last one is the frame number.

        Args:
            pattern: As the artist or the host wrote it; ``~`` is the home folder.

        Raises:
            FrameRangeError: There is no frame number in it, or the folder holds no sequence or several.
        """
        path = path_of(pattern)
        token, numbered = frame_token(path.name), NUMBERED.fullmatch(path.name)
        on_disk = as_on_disk(path)
        if numbered and (same := _same_name(on_disk)):
            prefix, suffix, numbers = same
            return cls(on_disk.parent, prefix, padding_of(numbers), suffix)
        if token:
            return cls(path.parent, *split_at_number(path, token))
        if is_folder(on_disk):
            return _only_sequence_in(on_disk)
        raise no_number_error(path)

    @property
    def pattern(self) -> str:
        """The pattern with its frame number as ``#``, one per character."""
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
        """Return the file of a frame as it is written; a negative frame is ``-002``, its sign one of four characters."""
        return self.folder / f"{self.prefix}{padded(frame, self.padding)}{self.ending}"

    def find(self, frame: int) -> Path:
        """Return the file of a frame as it is on disk, in whichever spelling; as it is written where there is none.

        For one frame; `on_disk` finds those of all at once.
        """
        spellings = [self.path(frame)]
        if frame < 0:
            spellings.append(self.folder / f"{self.prefix}{_sign_apart(frame, self.padding)}{self.ending}")
        return next((found for path in spellings if os.path.lexists(found := as_on_disk(path))), spellings[0])

    def on_disk(self) -> FilesOnDisk:
        """List the files that are there now; none where the folder is absent.

        Negative frames are found as ``-002`` and as ``-0002``, which Blender writes; names in either normal form.

        Raises:
            FrameRangeError: The folder exists and cannot be read.
        """
        prefix, ending = to_nfc(self.prefix), to_nfc(self.ending)
        shortest = len(prefix) + len(ending)
        names: dict[int, str] = {}
        broken: dict[int, str] = {}
        folder = as_on_disk(self.folder)
        for name, is_broken in names_in(folder):
            same = to_nfc(name)
            if len(same) <= shortest or not (same.startswith(prefix) and same.endswith(ending)):
                continue
            text = same[len(prefix) : len(same) - len(ending)]
            frame = self._frame(text)
            if frame is None:
                continue
            found = broken if is_broken else names
            if text == padded(frame, self.padding) or frame not in found:  # as it is written goes first
                found[frame] = name
        return FilesOnDisk(folder, dict(sorted(names.items())), dict(sorted(broken.items())))

    def frames_on_disk(self) -> tuple[int, ...]:
        """Return the frames that have a file now, ascending; none where the folder is absent.

        Raises:
            FrameRangeError: The folder exists and cannot be read.
        """
        return self.on_disk().frames

    def suggestion(self) -> str | None:
        """Say what is on disk and how to write it, where a pattern matches nothing there; ``None`` without an idea."""
        return suggest_pattern(self.folder, Path(self.pattern).name)

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

    def _frame(self, text: str) -> int | None:
        """Return the frame that a number in a file name stands for; ``None`` where it belongs to another sequence."""
        if len(text) > MAX_DIGITS or not re.fullmatch(r"-?\d+", text, re.ASCII):
            return None
        frame = int(text)
        return frame if text in (padded(frame, self.padding), _sign_apart(frame, self.padding)) else None

    def __str__(self) -> str:
        return self.pattern


def _sign_apart(frame: int, padding: int) -> str:
    """Return a frame number as Blender writes it: the sign before all digits of the padding."""
    return f"{'-' if frame < 0 else ''}{abs(frame):0{padding}d}"


def _same_name(path: Path) -> tuple[str, str, list[str]] | None:
    """Return prefix, suffix and frame numbers of the sequence on disk that a file name belongs to."""
    wanted = NUMBERED.fullmatch(to_nfc(path.name))
    for (prefix, suffix), numbers in sequences_in(path.parent).items():
        if wanted and (to_nfc(prefix), to_nfc(suffix)) == (wanted["prefix"], wanted["suffix"]):
            return prefix, suffix, numbers
    return None


def _only_sequence_in(folder: Path) -> FrameSequence:
    """Return the one sequence of a folder."""
    found = sorted(sequences_in(folder).items())
    sequences = [FrameSequence(folder, prefix, padding_of(numbers), suffix) for (prefix, suffix), numbers in found]
    if len(sequences) == 1:
        if has_invalid_utf8(sequences[0].prefix):
            raise invalid_utf8_error(sequences[0].pattern)
        return sequences[0]
    where = for_message(str(folder))
    if not sequences:
        raise FrameRangeError("the folder holds no numbered pictures", where=where, fix=EXAMPLE)
    listed = ", ".join(
        shortened(for_message(sequence.describe(sequence.frames_on_disk()))) for sequence in sequences[:8]
    )
    more = f" and {len(sequences) - 8} more" if len(sequences) > 8 else ""
    raise FrameRangeError(
        f"the folder holds {len(sequences)} sequences: {listed}{more}",
        where=where,
        fix=f"Name the one that is meant, such as {for_message(sequences[0].pattern)}",
    )
