"""An OpenTimelineIO file with the plate as a clip, and its keyframes, doubtful frames and next keyframes as markers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from stcn_plugin.errors import OutputError
from stcn_plugin.media.sequences import FrameSequence
from stcn_plugin.review.shot_review import ShotReview


def check_markers(path: Path) -> None:
    """Check that OpenTimelineIO is installed, and that the file has its extension.

    Raises:
        OutputError: It is not.
    """
    if path.suffix.lower() != ".otio":
        raise OutputError("markers are written to an .otio file", where=str(path), fix="Name it .otio")
    try:
        import opentimelineio  # noqa: F401
    except ImportError as error:
        what = "markers need OpenTimelineIO, which is not installed"
        fix = "Install it with: pip install 'stcn-plugin[review]'"
        raise OutputError(what, where=str(path), fix=fix) from error


def markers_of(review: ShotReview) -> bytes:
    """Return the OpenTimelineIO file of a shot."""
    import opentimelineio as otio

    frames, fps = review.job.frames, float(review.frame_rate)
    first, last = frames[0], frames[-1]

    def span(frame: int, length: int = 1) -> Any:
        return otio.opentime.TimeRange(otio.opentime.RationalTime(frame, fps), otio.opentime.RationalTime(length, fps))

    whole = span(first, last - first + 1)
    plate = FrameSequence.parse(review.job.shot.plate)
    media = otio.schema.ImageSequenceReference(
        target_url_base=f"{plate.folder.absolute().as_uri()}/",
        name_prefix=plate.prefix,
        name_suffix=plate.ending,
        frame_zero_padding=plate.padding,
        start_frame=first,
        rate=fps,
        available_range=whole,
    )
    clip = otio.schema.Clip(name=review.name, media_reference=media, source_range=whole)
    colours = otio.schema.MarkerColor
    for frame in sorted({frames[index] for series in review.series for index in series.keyframes}):
        clip.markers.append(otio.schema.Marker(name="keyframe", marked_range=span(frame), color=colours.PURPLE))
    for each in review.assessment.doubtful:
        name = f"doubtful: {each.object_name} {each.confidence:.0%}"
        clip.markers.append(otio.schema.Marker(name=name, marked_range=span(each.frame), color=colours.RED))
    for frame in review.assessment.next_keyframes:
        clip.markers.append(otio.schema.Marker(name="next keyframe", marked_range=span(frame), color=colours.YELLOW))
    for problem in review.assessment.problems:
        marker = otio.schema.Marker(name=problem.text, marked_range=span(problem.frame), color=colours.ORANGE)
        clip.markers.append(marker)
    timeline = otio.schema.Timeline(name=review.name)
    track = otio.schema.Track(name="plate", kind=otio.schema.TrackKind.Video)
    track.append(clip)
    timeline.tracks.append(track)
    text: str = otio.adapters.write_to_string(timeline, "otio_json")
    return text.encode()
