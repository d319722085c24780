"""Frame ranges such as ``1001-1100x2,1200``, and frame numbers in file names.

Ranges are inclusive. Frames may be negative: ``-5--1``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from stcn_plugin.errors import FrameRangeError

_PART = re.compile(
    r"""
    (?P<start>-?\d+)            # a frame
    (?: - (?P<end>-?\d+)        # the last frame of a range, inclusive
        (?: x (?P<step>\d+) )?  # every n-th frame
    )?
    """,
    re.VERBOSE | re.ASCII,
)
_DASHES = re.compile(r"\s*[\u2010-\u2015\u2212]\s*|\s*\.\.+\s*|\s+(?:to|-)\s+")  # typographic dashes, 1..5, 1 to 5
_SEPARATORS = re.compile(r"\s*[,;]\s*|\s+")
_STEP = re.compile(r"\s*[:xX]\s*")
_LONGEST_SHOWN = 80
_FORM = "Write it like 1001-1100, 1001-1100x2 or 1001,1005,1010-1020"

MOST_FRAMES = 1_000_000
"""Maximum number of frames in a range or a shot."""

MOST_DIGITS = 18
"""Maximum number of digits of a frame number, and of the padding of a pattern."""

FRAME_TOKEN = re.compile(r"#+|@+|%0?\d*d|\$F\d*")
"""Placeholder for the frame number in a pattern: ``####``, ``@@@@``, ``%04d`` or ``$F4``."""


def frame_token(name: str) -> re.Match[str] | None:
    """Return the placeholder for the frame number: the last one in the file name of a pattern.

    >>> frame_token("plate@2x.####.exr").group()
    '####'

    Args:
        name: File name without its folder.
    """
    return next(reversed(list(FRAME_TOKEN.finditer(name))), None)


def padded(frame: int, padding: int) -> str:
    """Return a frame number with padding, as in file names. As with ``%04d``, the sign counts as a digit.

    >>> padded(7, 4), padded(-2, 4), padded(12345, 4)
    ('0007', '-002', '12345')

    Args:
        frame: Frame number.
        padding: Minimum number of characters.
    """
    return f"{frame:0{padding}d}"


def parse_frame_range(text: str) -> tuple[int, ...]:
    """Parse a frame range.

    Only this notation is accepted. Notations that differ between tools (spaces, ``:``, ``y``) are refused, because a
    wrong guess would matte the wrong frames; the error suggests the correct notation.

    >>> parse_frame_range("1001-1005x2,1010")
    (1001, 1003, 1005, 1010)

    Args:
        text: Parts separated by commas: a frame, ``first-last``, or ``first-lastxstep``; both ends are included.

    Returns:
        The frames, ascending, each once.

    Raises:
        FrameRangeError: The text is empty, has another notation or names too many frames.
    """
    frames: set[int] = set()
    named = 0
    for part in text.split(","):
        found = _frames_of(part.strip(), text)
        named += len(found)  # duplicates count, because they take time too
        if named > MOST_FRAMES:
            raise _too_long(text)
        frames.update(found)
    return tuple(sorted(frames))


def span_ends(text: str) -> tuple[int, int]:
    """Return the first and the last frame of a range without gaps, in constant time.

    >>> span_ends("1001-1040,1030-1100")
    (1001, 1100)

    Args:
        text: As for `parse_frame_range`.

    Raises:
        FrameRangeError: As for `parse_frame_range`, or the range has gaps.
    """
    parts = sorted((_frames_of(part.strip(), text) for part in text.split(",")), key=lambda part: part[0])
    first, last = parts[0][0], parts[0][0]
    has_gaps = False
    for part in parts:
        has_gaps = has_gaps or part[0] > last + 1 or (part.step > 1 and part[-1] > part[0])
        last = max(last, part[-1])
    if has_gaps:
        raise FrameRangeError("has gaps", fix=f"The range of an object cannot have gaps; write {first}-{last}")
    return first, last


def format_frame_range(frames: Iterable[int]) -> str:
    """Format frames as a frame range.

    >>> format_frame_range([1010, 1001, 1002, 1003, 1004])
    '1001-1004,1010'

    Args:
        frames: Frame numbers in any order; duplicates count once.

    Returns:
        The range, empty for no frames.
    """
    from fileseq.frameset import FrameSet  # slow to import

    distinct = set(frames)
    return str(FrameSet.framesToFrameRange(distinct, sort=True, compress=False)) if distinct else ""


def shortened(text: str) -> str:
    """Return text, such as a frame range, shortened for a message."""
    return text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 4]} ..."


def shift_frame_range(text: str, shift: int) -> str:
    """Add a number to every frame of a range.

    >>> shift_frame_range("1-5x2,10", 1000)
    '1001-1005x2,1010'

    Args:
        text: A frame range, as for `parse_frame_range`.
        shift: The number to add.

    Raises:
        FrameRangeError: The text is not a frame range.
    """
    parse_frame_range(text)

    def shifted(part: re.Match[str]) -> str:
        end = f"-{int(part['end']) + shift}" if part["end"] else ""
        return f"{int(part['start']) + shift}{end}{'x' + part['step'] if part['step'] else ''}"

    return _PART.sub(shifted, text)


def _frames_of(part: str, text: str) -> range:
    """Return the frames of one part between commas."""
    match = _PART.fullmatch(part)
    if not match:
        raise FrameRangeError(_what(part, text), fix=_fix(text))
    if any(len(number.lstrip("-")) > MOST_DIGITS for number in match.groups("")):
        raise FrameRangeError(
            f"'{shortened(part)}' has a number of more than {MOST_DIGITS} digits", fix="Check it for extra digits"
        )
    start = int(match["start"])
    end = int(match["end"]) if match["end"] else start
    step = int(match["step"]) if match["step"] else 1
    if end < start:
        raise FrameRangeError(f"'{part}' in the frame range '{shortened(text)}' runs backwards", fix=_fix(text))
    if step == 0:
        raise FrameRangeError(
            f"'{part}' in the frame range '{shortened(text)}' has a step of 0", fix="Steps start at x1"
        )
    frames = range(start, end + 1, step)
    if len(frames) > MOST_FRAMES:
        raise _too_long(text)
    return frames


def _too_long(text: str) -> FrameRangeError:
    return FrameRangeError(
        f"the frame range '{shortened(text)}' holds more than {MOST_FRAMES:,} frames",
        fix="Check it for an extra digit",
    )


def _what(part: str, text: str) -> str:
    if not text.strip():
        return "the frame range is empty"
    if not part:
        return f"the frame range '{shortened(text)}' has a comma with nothing next to it"
    where = "" if part == text else f" in '{shortened(text)}'"
    return f"'{shortened(part)}'{where} is not a frame range"


def _fix(text: str) -> str:
    """Return the range that was probably meant, or the general form."""
    if len(text) > _LONGEST_SHOWN:
        return _FORM
    guess = ",".join(
        _respell(part) for part in _SEPARATORS.split(_DASHES.sub("-", _STEP.sub("x", text.strip()))) if part
    )
    if guess and all(_PART.fullmatch(part) for part in guess.split(",")):
        return f"Write {guess}"
    return _FORM


def _respell(part: str) -> str:
    """Put the ends of a range in order."""
    match = _PART.fullmatch(part)
    if not match or not match["end"] or int(match["start"]) <= int(match["end"]):
        return part
    if not match["step"]:
        return f"{match['end']}-{match['start']}"
    start, step = int(match["start"]), max(1, int(match["step"]))
    first = start - (start - int(match["end"])) // step * step  # counting up must give the same frames
    return f"{first}-{start}x{step}"
