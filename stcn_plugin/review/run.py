"""Reviews shots: reads them, and writes their pages, their figures, and the index."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

from stcn_plugin.atomic import Outputs
from stcn_plugin.bridge.hooks import Hooks
from stcn_plugin.bridge.job import JobRequest
from stcn_plugin.errors import STCNError
from stcn_plugin.frames import format_frame_range, shortened
from stcn_plugin.job.streams import read_ahead
from stcn_plugin.media.overlays import labelled, tinted
from stcn_plugin.media.sequences import FrameSequence
from stcn_plugin.review.flicker import FlickerMeter
from stcn_plugin.review.markers import check_markers, markers_of
from stcn_plugin.review.mattes import EarlierMattes
from stcn_plugin.review.movie import check_movie, write_movie
from stcn_plugin.review.page import IndexEntry, index_page, shot_page
from stcn_plugin.review.pictures import Picture, PictureMaker
from stcn_plugin.review.shot_review import ShotReview, review_shot
from stcn_plugin.shot.file import load_shot
from stcn_plugin.shot.model import Shot
from stcn_plugin.studio.lookup import preset_search_path
from stcn_plugin.worker.shots import shot_of

_AHEAD = 2
"""Frames made at the same time."""

_MOST_NOTES = 3
"""Problems named in a line about a shot; its page has all of them."""


@dataclass(frozen=True)
class ReviewOptions:
    """What to write about a shot.

    Args:
        folder: Folder of the pages.
        against: Shot file or frame pattern of an earlier version.
        movie: File of a movie of the overlay.
        markers: OpenTimelineIO file.
        frame_rate: Frames per second; ``None`` for that of the plate.
    """

    folder: Path
    against: str | None = None
    movie: Path | None = None
    markers: Path | None = None
    frame_rate: Fraction | None = None


def check_options(options: ReviewOptions) -> None:
    """Check that everything can be written, before any shot is read.

    Raises:
        OutputError: A program or a package is missing, or a file has the wrong extension.
    """
    if options.movie is not None:
        check_movie(options.movie)
    if options.markers is not None:
        check_markers(options.markers)


def review_request(
    request: JobRequest,
    name: str,
    options: ReviewOptions,
    *,
    studio: Hooks,
    on_frame: Callable[[int, int], None] = lambda _done, _total: None,
) -> IndexEntry:
    """Review a shot and write its page.

    Args:
        request: The shot.
        name: Name for its page; the file is ``NAME.html``.
        options: What to write.
        studio: The studio's plugins.
        on_frame: Called with the number of frames done, and of all frames.

    Returns:
        Its entry in the index.

    Raises:
        STCNError: The shot has a problem, there is no earlier version, or a file cannot be written.
    """
    search_path = preset_search_path(studio)
    review = review_shot(shot_of(request, search_path=search_path), name, studio=studio)
    outputs = review.job.outputs
    earlier = _earlier(options.against, review, search_path)
    maker = PictureMaker(review.job, earlier=earlier)
    flicker = FlickerMeter()
    pictures = _pictures(maker, review, flicker, on_frame)
    review = replace(review, flicker={each: flicker.of(each) for each in review.job.objects})
    if options.frame_rate is not None:
        review = replace(review, frame_rate=options.frame_rate)
    content = shot_page(review, pictures, size=maker.size, against=options.against)
    outputs.write(options.folder / f"{name}.html", content)
    outputs.write(options.folder / f"{name}.json", json.dumps(review.to_json(), indent=1).encode() + b"\n")
    if options.markers is not None:
        outputs.write(options.markers, markers_of(review))
    if options.movie is not None:
        write_movie(options.movie, _overlays(maker, review), rate=review.frame_rate, outputs=outputs)
    return _entry(review, f"{name}.html")


def failed_entry(name: str, error: STCNError) -> IndexEntry:
    """Return the entry of a shot that could not be reviewed."""
    return IndexEntry(name, "failed", None, "", {}, (), None, " ".join(str(error).split()))


def write_index(folder: Path, entries: Sequence[IndexEntry]) -> Path:
    """Write the index of shots; return its path.

    Raises:
        OutputError: It cannot be written.
    """
    path = folder / "index.html"
    Outputs().write(path, index_page(entries))
    return path


def _entry(review: ShotReview, page: str) -> IndexEntry:
    assessment = review.assessment
    is_doubtful = bool(assessment.doubtful or assessment.problems)
    return IndexEntry(
        name=review.name,
        state=review.state,
        page=page,
        frames=shortened(format_frame_range(review.job.frames)),
        confidence=assessment.confidence,
        look_at=sorted(each.frame for each in assessment.doubtful),
        next_keyframe=assessment.next_keyframes[0] if assessment.next_keyframes and is_doubtful else None,
        notes="; ".join([review.summary, *_first([problem.what for problem in assessment.problems])]),
    )


def _first(texts: Sequence[str]) -> Sequence[str]:
    """Return the first texts, and the number of the others."""
    more = len(texts) - _MOST_NOTES
    return [*texts[:_MOST_NOTES], f"and {more} more"] if more > 0 else texts


def _earlier(against: str | None, review: ShotReview, search_path: Sequence[Path]) -> EarlierMattes | None:
    if against is None:
        return None
    shot: Shot | None = load_shot(against, search_path=search_path) if against.endswith((".yaml", ".yml")) else None
    return EarlierMattes(FrameSequence.parse(shot.out if shot else against), review.job.objects)


def _pictures(
    maker: PictureMaker, review: ShotReview, flicker: FlickerMeter, on_frame: Callable[[int, int], None]
) -> list[Picture]:
    """Return the pictures of all frames, and measure flicker."""
    weakest = _weakest(review)
    indices = range(len(review.job.frames))
    made = read_ahead(lambda index: maker.make(index, weakest[index]), indices, depth=_AHEAD)
    found: list[Picture] = []
    for index, each in enumerate(made):
        found += each.pictures
        flicker.add(index, each.moment)
        on_frame(index + 1, len(indices))
    return found


def _weakest(review: ShotReview) -> list[str | None]:
    """Return the object with the least confidence on every frame."""
    found: list[str | None] = []
    for index in range(len(review.job.frames)):
        known = [(each.confidence[index], each.name) for each in review.series if index in each.confidence]
        found.append(min(known)[1] if known else review.job.objects[0])
    return found


def _overlays(maker: PictureMaker, review: ShotReview) -> Iterator[Image.Image]:
    """Yield the overlay of every frame, black where the plate cannot be read."""
    for index, frame in enumerate(review.job.frames):
        made = maker.overlay_input(index)
        if made is None:
            picture = Image.new("RGB", maker.size)
        else:
            image, mattes = made
            pixels = tinted(image, [mattes.get(name) for name in review.job.objects])
            picture = Image.fromarray(np.rint(255 * pixels.clip(0, 1)).astype(np.uint8))
        labelled(picture, str(frame))
        yield picture
