"""File sequences: frame patterns, and the files on disk that match them.

A pattern is written ``name.####.exr``. ``name.%04d.exr``, ``name.$F4.exr`` and ``name.@@@@.exr`` are equivalent. So are
the name of one file of a sequence on disk, and a folder that holds a single sequence.
"""

from __future__ import annotations

import bisect
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
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
    no_frame_number_error,
    padding_of,
    path_of,
    sequences_in,
    split_at_number,
)

OBJECT = "<object>"
"""Placeholder for an object's name in the pattern of one file per object."""


@dataclass(frozen=True)
class FilesOnDisk:
    """A listing of the files of a sequence on disk.

    Args:
        folder: Their folder, in the Unicode normal form that it has on disk.
        names: Frame to file name, ascending.
        broken: Frame to the name of a broken link, ascending.
        others: Frame to the name of a file with another padding, for frames without a file of this padding, ascending.
    """

    folder: Path
    names: Mapping[int, str]
    broken: Mapping[int, str]
    others: Mapping[int, str] = field(default_factory=dict)

    @cached_property
    def frames(self) -> tuple[int, ...]:
        """The frames that have a file, ascending."""
        return tuple(self.names)

    def path(self, frame: int) -> Path | None:
        """Return the file of a frame; ``None`` if there is none, or only a broken link."""
        name = self.names.get(frame)
        return None if name is None else self.folder / name

    def held(self, frame: int) -> int | None:
        """Return the nearest earlier frame with a file, else the first one; ``None`` if there are no files."""
        position = bisect.bisect_right(self.frames, frame)
        return self.frames[max(0, position - 1)] if self.frames else None


@dataclass(frozen=True)
class FrameSequence:
    """A sequence of files, one per frame, which need not exist.

    >>> FrameSequence.parse("shot/hero.%04d.exr").path(-2).as_posix()
    'shot/hero.-002.exr'

    Args:
        folder: Folder of the files; may contain ``<object>``.
        prefix: File name before the frame number, with its dot; may contain ``<object>``.
        padding: Minimum number of characters of the frame number.
        ending: File name after the frame number, such as ``.exr``.
    """

    folder: Path
    prefix: str
    padding: int
    ending: str

    @classmethod
    def parse(cls, pattern: str | Path) -> FrameSequence:
        """Parse a pattern, the name of one file of a sequence on disk, or a folder with a single sequence.

        If a file name has several tokens, the last one is the frame number.

        Args:
            pattern: As the user or the host wrote it; ``~`` is expanded.

        Raises:
            FrameRangeError: It has no frame number, or the folder does not hold exactly one sequence.
        """
        path = path_of(pattern)
        token, numbered = frame_token(path.name), NUMBERED.fullmatch(path.name)
        on_disk = as_on_disk(path)
        if numbered and (same := _same_name(on_disk)):
            prefix, suffix, numbers = same
            return cls(on_disk.parent, prefix, padding_of(numbers, numbered["number"]), suffix)
        if token:
            return cls(path.parent, *split_at_number(path, token))
        if is_folder(on_disk):
            return _only_sequence_in(on_disk)
        raise no_frame_number_error(path)

    @property
    def pattern(self) -> str:
        """The pattern with its frame number as ``#``, one per character of padding."""
        return str(self.folder / f"{self.prefix}{'#' * self.padding}{self.ending}")

    @property
    def suffix(self) -> str:
        """The extension, lower-case with its dot: ``.exr``."""
        return Path(self.ending).suffix.lower() or self.ending.lower()

    @property
    def has_object(self) -> bool:
        """Whether the pattern contains ``<object>``."""
        return OBJECT in str(self.folder) or OBJECT in self.prefix or OBJECT in self.ending

    def path(self, frame: int) -> Path:
        """Return the path to write for a frame; the sign of a negative frame counts as padding, such as ``-002``."""
        return self.folder / f"{self.prefix}{padded(frame, self.padding)}{self.ending}"

    def find(self, frame: int) -> Path:
        """Return the path of a frame on disk, in any spelling; the path to write if there is none.

        For many frames, `on_disk` is faster.
        """
        spellings = [self.path(frame)]
        if frame < 0:
            spellings.append(self.folder / f"{self.prefix}{_blender_padded(frame, self.padding)}{self.ending}")
        return next((found for path in spellings if os.path.lexists(found := as_on_disk(path))), spellings[0])

    def on_disk(self) -> FilesOnDisk:
        """List the files that exist now; none if the folder does not exist.

        Finds negative frames as ``-002`` and as ``-0002``, which Blender writes, and names in any Unicode normal form.

        Raises:
            FrameRangeError: The folder exists and cannot be read.
        """
        prefix, ending = to_nfc(self.prefix), to_nfc(self.ending)
        shortest = len(prefix) + len(ending)
        names: dict[int, str] = {}
        broken: dict[int, str] = {}
        others: dict[int, str] = {}
        folder = as_on_disk(self.folder)
        for name, is_broken in names_in(folder):
            same = to_nfc(name)
            if len(same) <= shortest or not (same.startswith(prefix) and same.endswith(ending)):
                continue
            text = same[len(prefix) : len(same) - len(ending)]
            frame = _integer(text)
            if frame is None:
                continue
            found = broken if is_broken else names
            if text not in (padded(frame, self.padding), _blender_padded(frame, self.padding)):
                others.setdefault(frame, name)
                continue
            if text == padded(frame, self.padding) or frame not in found:  # prefer the spelling of `path`
                found[frame] = name
        others = {frame: name for frame, name in others.items() if frame not in names and frame not in broken}
        return FilesOnDisk(folder, *(dict(sorted(found.items())) for found in (names, broken, others)))

    def frames_on_disk(self) -> tuple[int, ...]:
        """Return the frames that have a file now, ascending; none if the folder does not exist.

        Raises:
            FrameRangeError: The folder exists and cannot be read.
        """
        return self.on_disk().frames

    def suggestion(self) -> str | None:
        """Suggest a pattern that matches files on disk, for a pattern that does not; ``None`` if none is similar."""
        return suggest_pattern(self.folder, Path(self.pattern).name)

    def with_object(self, name: str) -> FrameSequence:
        """Return the sequence of one object's files.

        The name replaces ``<object>``. Without ``<object>``, it is inserted before the frame number:
        ``matte.####.png`` becomes ``matte.hero.####.png``.

        Args:
            name: The object's name in file names.
        """
        if self.has_object:
            folder = Path(str(self.folder).replace(OBJECT, name))
            prefix, ending = self.prefix.replace(OBJECT, name), self.ending.replace(OBJECT, name)
            return replace(self, folder=folder, prefix=prefix, ending=ending)
        separator = self.prefix[-1] if self.prefix[-1:] in {".", "_", "-"} else "."
        stem = self.prefix.removesuffix(separator)
        return replace(self, prefix=f"{stem}{separator}{name}{separator}" if stem else f"{name}{separator}")

    def describe(self, frames: Iterable[int]) -> str:
        """Return the file name of the pattern followed by a frame range."""
        return f"{Path(self.pattern).name} {format_frame_range(frames)}".rstrip()

    def __str__(self) -> str:
        return self.pattern


def _integer(text: str) -> int | None:
    """Return the integer that a part of a file name consists of; ``None`` if it is something else."""
    return int(text) if len(text) <= MAX_DIGITS and re.fullmatch(r"-?\d+", text, re.ASCII) else None


def _blender_padded(frame: int, padding: int) -> str:
    """Return a frame number as Blender writes it: the sign does not count as padding."""
    return f"{'-' if frame < 0 else ''}{abs(frame):0{padding}d}"


def _same_name(path: Path) -> tuple[str, str, list[str]] | None:
    """Return prefix, suffix and frame numbers of the sequence on disk that a file name belongs to."""
    wanted = NUMBERED.fullmatch(to_nfc(path.name))
    for (prefix, suffix), numbers in sequences_in(path.parent).items():
        if wanted and (to_nfc(prefix), to_nfc(suffix)) == (wanted["prefix"], wanted["suffix"]):
            return prefix, suffix, numbers
    return None


def _only_sequence_in(folder: Path) -> FrameSequence:
    """Return the only sequence in a folder."""
    found = sorted(sequences_in(folder).items())
    sequences = [FrameSequence(folder, prefix, padding_of(numbers), suffix) for (prefix, suffix), numbers in found]
    if len(sequences) == 1:
        if has_invalid_utf8(sequences[0].prefix):
            raise invalid_utf8_error(sequences[0].pattern)
        return sequences[0]
    where = for_message(str(folder))
    if not sequences:
        raise FrameRangeError("the folder holds no numbered images", where=where, fix=EXAMPLE)
    listed = ", ".join(
        shortened(for_message(sequence.describe(sequence.frames_on_disk()))) for sequence in sequences[:8]
    )
    more = f" and {len(sequences) - 8} more" if len(sequences) > 8 else ""
    raise FrameRangeError(
        f"the folder holds {len(sequences)} sequences: {listed}{more}",
        where=where,
        fix=f"Choose one, such as {for_message(sequences[0].pattern)}",
    )
