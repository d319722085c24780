"""Frame ranges, and frame numbers in file names.

A range is inclusive: ``1001-1100x2,1200``; negative frames are ``-5--1``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from stcn_plugin.errors import FrameRangeError

_PART = re.compile(
    r"""
    (?P<start>-?\d+)            # a frame, perhaps negative
    (?: - (?P<end>-?\d+)        # the last frame of a range, included
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

MAX_FRAMES = 1_000_000
"""Maximum number of frames in a range or shot."""

MAX_DIGITS = 18
"""Maximum number of digits of a frame number or padding."""

FRAME_TOKEN = re.compile(r"#+|@+|%0?\d*d|\$F\d*")
"""The frame number in a file name: ``####``, ``@@@@``, ``%04d`` or ``$F4``."""


def frame_token(name: str) -> re.Match[str] | None:
    """Return the frame number of a pattern: the last token in its file name.

    >>> frame_token("plate@2x.####.exr").group()
    '####'

    Args:
        name: File name without its folder.
    """
    return next(reversed(list(FRAME_TOKEN.finditer(name))), None)


def padded(frame: int, padding: int) -> str:
    """Format a frame number for a file name, like ``%04d``: the sign counts as padding.

    >>> padded(7, 4), padded(-2, 4), padded(12345, 4)
    ('0007', '-002', '12345')

    Args:
        frame: Frame number.
        padding: Minimum number of characters.
    """
    return f"{frame:0{padding}d}"


def parse_frame_range(text: str) -> tuple[int, ...]:
    """Parse a frame range.

    Notations that other tools interpret differently (spaces, ``:``, ``y``) are rejected with a suggestion, since a wrong
    guess would process the wrong frames.

    >>> parse_frame_range("1001-1005x2,1010")
    (1001, 1003, 1005, 1010)

    Args:
        text: Parts separated by commas: a frame, ``first-last``, or ``first-lastxstep``; both ends are included.

    Returns:
        The frames, ascending, without duplicates.

    Raises:
        FrameRangeError: The text is empty, not a frame range, or too long; the message suggests a valid range.
    """
    frames: set[int] = set()
    count = 0
    for part in text.split(","):
        found = _frames_of(part.strip(), text)
        count += len(found)  # includes duplicates, to bound the work as well
        if count > MAX_FRAMES:
            raise _too_long(text)
        frames.update(found)
    return tuple(sorted(frames))


def parse_spans(text: str) -> tuple[range, ...]:
    """Parse the frame range of an object into ranges without gaps, without enumerating its frames.

    >>> parse_spans("1060-1090,1001-1020,1015-1040")
    (range(1001, 1041), range(1060, 1091))

    Args:
        text: As for `parse_frame_range`, without steps.

    Returns:
        The ranges, ascending. Ranges that overlap or follow each other are merged.

    Raises:
        FrameRangeError: As for `parse_frame_range`, or a range has a step; the message suggests the range without it.
    """
    parts = [part.strip() for part in text.split(",")]
    spans = [_frames_of(part, text) for part in parts]
    for part, span in zip(parts, spans, strict=True):
        if len(span) > 1 and span.step > 1:
            fix = f"The range of an object cannot have a step; write {span_text(range(span[0], span[-1] + 1))}"
            raise FrameRangeError(f"'{shortened(part)}' has a step", fix=fix)
    return merged_spans(range(span[0], span[-1] + 1) for span in spans)


def merged_spans(spans: Iterable[range]) -> tuple[range, ...]:
    """Return ranges of step 1 in ascending order; those that overlap or follow each other are merged.

    >>> merged_spans([range(5, 8), range(0, 3), range(3, 4)])
    (range(0, 4), range(5, 8))

    Args:
        spans: The ranges, in any order. Empty ones are left out.
    """
    merged: list[range] = []
    for span in sorted(filter(len, spans), key=lambda span: span.start):
        if merged and span.start <= merged[-1].stop:
            merged[-1] = range(merged[-1].start, max(merged[-1].stop, span.stop))
        else:
            merged.append(span)
    return tuple(merged)


def span_text(span: range) -> str:
    """Format a range of frames.

    >>> span_text(range(1001, 1021)), span_text(range(1001, 1002))
    ('1001-1020', '1001')

    Args:
        span: The range; not empty, and of step 1.
    """
    return str(span[0]) if len(span) == 1 else f"{span[0]}-{span[-1]}"


def format_frame_range(frames: Iterable[int]) -> str:
    """Format frames as a range without redundant parts, which parses to the same frames.

    >>> format_frame_range([1010, 1001, 1002, 1003, 1004])
    '1001-1004,1010'

    Args:
        frames: Frame numbers in any order; duplicates are ignored.

    Returns:
        The range; empty if there are no frames.
    """
    ordered = sorted(set(frames))
    parts, start = [], 0
    while start < len(ordered):
        first, end = ordered[start], start + 1
        step = ordered[end] - first if end < len(ordered) else 1
        while end < len(ordered) and ordered[end] == first + (end - start) * step:
            end += 1
        if end - start == 2 and step > 1:
            end -= 1  # two frames make no step
        last = f"-{ordered[end - 1]}" if end - start > 1 else ""
        parts.append(f"{first}{last}{f'x{step}' if last and step > 1 else ''}")
        start = end
    return ",".join(parts)


def shortened(text: str) -> str:
    """Shorten text, such as a frame range, for a message."""
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
    if any(len(number.lstrip("-")) > MAX_DIGITS for number in match.groups("")):
        raise FrameRangeError(
            f"'{shortened(part)}' has a number of more than {MAX_DIGITS} digits", fix="Check it for extra digits"
        )
    start = int(match["start"])
    end = int(match["end"]) if match["end"] else start
    step = int(match["step"]) if match["step"] else 1
    if end < start:
        raise FrameRangeError(f"'{part}' in the frame range '{shortened(text)}' runs backwards", fix=_fix(text))
    if step == 0:
        raise FrameRangeError(
            f"'{part}' in the frame range '{shortened(text)}' has a step of 0", fix="Use a step of at least x1"
        )
    frames = range(start, end + 1, step)
    if len(frames) > MAX_FRAMES:
        raise _too_long(text)
    return frames


def _too_long(text: str) -> FrameRangeError:
    return FrameRangeError(
        f"the frame range '{shortened(text)}' holds more than {MAX_FRAMES:,} frames",
        fix="Check it for an extra digit",
    )


def _what(part: str, text: str) -> str:
    if not text.strip():
        return "the frame range is empty"
    if not part:
        return f"the frame range '{shortened(text)}' has an empty part next to a comma"
    where = "" if part == text else f" in '{shortened(text)}'"
    return f"'{shortened(part)}'{where} is not a frame range"


def _fix(text: str) -> str:
    """Suggest the range that was probably meant, or show examples."""
    if len(text) > _LONGEST_SHOWN:
        return _FORM
    guess = ",".join(
        _respell(part) for part in _SEPARATORS.split(_DASHES.sub("-", _STEP.sub("x", text.strip()))) if part
    )
    if guess and all(_PART.fullmatch(part) for part in guess.split(",")):
        return f"Write {guess}"
    return _FORM


def _respell(part: str) -> str:
    """Return a range with its ends in ascending order."""
    match = _PART.fullmatch(part)
    if not match or not match["end"] or int(match["start"]) <= int(match["end"]):
        return part
    if not match["step"]:
        return f"{match['end']}-{match['start']}"
    start, step = int(match["start"]), max(1, int(match["step"]))
    first = start - (start - int(match["end"])) // step * step  # keeps the same frames when counting up
    return f"{first}-{start}x{step}"
