"""Which frames of a shot to look at, and which keyframe to draw next: data that host and worker exchange."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from stcn_plugin.bridge.fields import Fields
from stcn_plugin.bridge.printable import printable


@dataclass(frozen=True)
class DoubtfulFrame:
    """A frame to look at.

    Args:
        frame: The frame number.
        object_name: Name of the object with the least confidence there.
        confidence: Its expected J, the region overlap with the true matte, 0 to 1.
    """

    frame: int
    object_name: str
    confidence: float

    @classmethod
    def from_json(cls, data: object) -> DoubtfulFrame:
        """Read the JSON of `json_of`."""
        fields = Fields(data, "a doubtful frame")
        return cls(fields.frame("frame"), fields.value("object_name", str), fields.value("confidence", float))


@dataclass(frozen=True)
class Problem:
    """Something that looks wrong in the mattes or the keyframes.

    Args:
        frame: The frame number.
        object_name: Name of the object.
        what: What looks wrong.
        fix: What to do about it.
    """

    frame: int
    object_name: str
    what: str
    fix: str

    @property
    def text(self) -> str:
        """All of it in one line."""
        return printable(f"{self.what}. {self.fix}.")

    def in_host(self, frame_shift: int) -> Problem:
        """Return the problem at the host's frame; it names both numbers if the plate's is another.

        Args:
            frame_shift: Frame number of the plate minus frame number in the host.
        """
        frame = self.frame - frame_shift
        return (
            replace(self, frame=frame, what=f"frame {frame} (file {self.frame}): {self.what}") if frame_shift else self
        )

    @classmethod
    def from_json(cls, data: object) -> Problem:
        """Read the JSON of `json_of`."""
        fields = Fields(data, "a problem")
        return cls(
            fields.frame("frame"), fields.value("object_name", str), fields.value("what", str), fields.value("fix", str)
        )


@dataclass(frozen=True)
class Assessment:
    """How far the mattes of a shot can be trusted.

    Args:
        confidence: Mean confidence of each object over the frames between its keyframes.
        doubtful: Frames to look at: the least confident ones, spread over the shot, worst first. All are below the limit
            of doubtful frames.
        doubtful_frames: Number of all frames below that limit.
        next_keyframes: Frames whose correction would help most, best first.
        problems: What looks wrong, in the order of the frames.
    """

    confidence: dict[str, float]
    doubtful: tuple[DoubtfulFrame, ...]
    doubtful_frames: int
    next_keyframes: tuple[int, ...]
    problems: tuple[Problem, ...] = ()

    @property
    def suggested_keyframes(self) -> tuple[int, ...]:
        """The next keyframes, best first; none if nothing is doubtful or looks wrong."""
        return self.next_keyframes if self.doubtful or self.problems else ()

    @classmethod
    def from_json(cls, data: object) -> Assessment:
        """Read the JSON of `json_of`."""
        fields = Fields(data, "an assessment")
        return cls(
            confidence=fields.mapping("confidence", float),
            doubtful=fields.list_of("doubtful", DoubtfulFrame.from_json),
            doubtful_frames=fields.frame("doubtful_frames"),
            next_keyframes=fields.frames("next_keyframes"),
            problems=fields.list_of("problems", Problem.from_json),
        )


def assessment_lines(assessment: Assessment, *, frame_shift: int = 0) -> Iterator[str]:
    """Yield the frames to look at, the next keyframe and the problems, for people.

    Args:
        assessment: The assessment.
        frame_shift: Frame number of the plate minus frame number in the host.
    """
    if assessment.doubtful:
        named = ", ".join(str(each.frame - frame_shift) for each in sorted(assessment.doubtful, key=lambda d: d.frame))
        total = assessment.doubtful_frames
        yield f"doubtful: {total} frame{'' if total == 1 else 's'}; look at {named}"
    if assessment.suggested_keyframes:
        yield f"next keyframe: {assessment.suggested_keyframes[0] - frame_shift}"
    for problem in assessment.problems:
        yield f"check: {problem.in_host(frame_shift).text}"
