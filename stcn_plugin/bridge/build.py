"""Which part of a shot to work on, and what there is to do: data that host and worker exchange."""

from __future__ import annotations

from dataclasses import dataclass

from stcn_plugin.bridge.fields import Fields
from stcn_plugin.errors import FrameRangeError
from stcn_plugin.frames import parse_frame_range


@dataclass(frozen=True)
class BuildOptions:
    """Which part of a shot to work on. By default, everything that is not up to date.

    Args:
        segments: Numbers of the segments to work on, from 1; all if empty.
        rebuild: Do everything again, even what is up to date.
        verify: Read all plate files to see whether they have changed, instead of comparing only their size and time.
        is_dry_run: Only determine what would be done; write nothing.
    """

    segments: tuple[int, ...] = ()
    rebuild: bool = False
    verify: bool = False
    is_dry_run: bool = False

    @property
    def makes_whole_shot(self) -> bool:
        """Whether all mattes of the shot are on disk once the work is done."""
        return not self.segments and not self.is_dry_run

    @classmethod
    def from_json(cls, data: object) -> BuildOptions:
        """Read the JSON of `json_of`."""
        fields = Fields(data, "the options of a job")
        return cls(
            segments=fields.frames("segments"),
            rebuild=fields.value("rebuild", bool),
            verify=fields.value("verify", bool),
            is_dry_run=fields.value("is_dry_run", bool),
        )


@dataclass(frozen=True)
class PlannedSegment:
    """The work on a segment.

    Args:
        number: Its number, from 1.
        frames: All its frames, such as ``1001-1030``.
        propagated: Frames that its passes visit, both directions counted.
        written: Frames whose mattes are written, such as ``1001-1030``; empty if there are none.
        reasons: Why, such as ``keyframe 1060 is new``.
    """

    number: int
    frames: str
    propagated: int
    written: str
    reasons: tuple[str, ...]

    @classmethod
    def from_json(cls, data: object) -> PlannedSegment:
        """Read the JSON of `json_of`."""
        fields = Fields(data, "a segment")
        return cls(
            number=fields.frame("number"),
            frames=fields.value("frames", str),
            propagated=fields.frame("propagated"),
            written=fields.value("written", str),
            reasons=fields.strings("reasons"),
        )


@dataclass(frozen=True)
class Plan:
    """What a run has to do, and why.

    Args:
        segments: All segments that were looked at, also those that are up to date.
        cache: Folder of the cache; ``None`` if no probabilities are kept.
    """

    segments: tuple[PlannedSegment, ...]
    cache: str | None

    @property
    def propagated(self) -> int:
        """Frames that passes visit, both directions counted."""
        return sum(segment.propagated for segment in self.segments)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why there is work, without repetitions."""
        return tuple(dict.fromkeys(reason for segment in self.segments for reason in segment.reasons))

    @classmethod
    def from_json(cls, data: object) -> Plan:
        """Read the JSON of `json_of`."""
        fields = Fields(data, "a plan")
        return cls(fields.list_of("segments", PlannedSegment.from_json), fields.optional("cache", str))


@dataclass(frozen=True)
class Estimate:
    """What a run needs.

    Args:
        frames: Number of frames whose mattes are written.
        seconds: Time, from measured rates.
        matte_bytes: Size of the matte files that are written.
        cache_bytes: Size of the cache when the job is done.
        free_bytes: Free space on the disk of the cache.
        memory_bytes: Measured peak memory; ``None`` if it could not be measured.
    """

    frames: int
    seconds: float
    matte_bytes: int
    cache_bytes: int
    free_bytes: int
    memory_bytes: int | None

    @classmethod
    def from_json(cls, data: object) -> Estimate:
        """Read the JSON of `json_of`."""
        fields = Fields(data, "an estimate")
        return cls(
            frames=fields.frame("frames"),
            seconds=fields.value("seconds", float),
            matte_bytes=fields.value("matte_bytes", int),
            cache_bytes=fields.value("cache_bytes", int),
            free_bytes=fields.value("free_bytes", int),
            memory_bytes=fields.optional("memory_bytes", int),
        )


def parse_segments(text: str | None, origin: str) -> tuple[int, ...]:
    """Parse numbers of segments, such as ``3-5`` or ``1,4``.

    Args:
        text: The numbers; ``None`` for all segments.
        origin: Where the user wrote them, such as ``--segments``.

    Returns:
        The numbers; empty for all segments.

    Raises:
        FrameRangeError: The text is something else.
    """
    if text is None:
        return ()
    try:
        return parse_frame_range(text)
    except FrameRangeError:
        what = f"'{text}' is not a list of segments"
        raise FrameRangeError(what, where=origin, fix="Write it like 3, 3-5 or 1,4") from None
