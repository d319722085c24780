"""A shot to review: what is on disk, how far it can be trusted, and what is missing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any, Literal

from pydantic import ValidationError

from stcn_plugin.bridge.assessment import Assessment
from stcn_plugin.bridge.hooks import Hooks
from stcn_plugin.bridge.job import json_of
from stcn_plugin.cache.folder import CacheFolder
from stcn_plugin.cache.manifest import Manifest
from stcn_plugin.confidence.ranking import DOUBTFUL
from stcn_plugin.confidence.series import Series
from stcn_plugin.job.activities import Activities
from stcn_plugin.job.assessment import assessment_of, measure
from stcn_plugin.job.difference import difference
from stcn_plugin.job.job import Job
from stcn_plugin.job.plate_stamps import plate_stamps
from stcn_plugin.job.propagate import check
from stcn_plugin.job.reasons import reasons_for
from stcn_plugin.job.recipe import recipe_of
from stcn_plugin.job.watcher import Warnings, Watcher
from stcn_plugin.presets.model import Overlay
from stcn_plugin.shot.model import Shot

_DEFAULT_RATE = Fraction(24)

State = Literal["done", "doubtful", "unfinished", "failed"]


@dataclass(frozen=True, eq=False)
class ShotReview:
    """A shot to review.

    Args:
        name: Name for the page, such as the shot file without its extension.
        job: The shot, ready to run.
        series: The figures of each object.
        assessment: Which frames to look at, and which keyframe to draw next.
        written: Indices of the frames whose mattes are all on disk.
        stale: Indices of the frames whose mattes are missing, or are not as `stcn propagate` would write them now.
        reasons: Why they are not up to date.
        warnings: Warnings of reading the shot.
        rates: Machine and device to what was measured there: seconds per ``step`` of the network and per finished
            ``frame``, and bytes of ``memory``.
        frame_rate: Frames per second: that of the plate if its files have one, otherwise 24.
        flicker: Object name to index to the flicker of its edge, 0 to 1, as far as it has been measured.
    """

    name: str
    job: Job
    series: tuple[Series, ...]
    assessment: Assessment
    written: frozenset[int]
    stale: frozenset[int]
    reasons: tuple[str, ...]
    warnings: tuple[str, ...]
    rates: Mapping[str, Mapping[str, float]]
    frame_rate: Fraction = _DEFAULT_RATE
    flicker: Mapping[str, Mapping[int, float]] = field(default_factory=dict)

    @property
    def state(self) -> State:
        """``done``, ``doubtful``, or ``unfinished`` if mattes are missing or not up to date."""
        if self.stale:
            return "unfinished"
        return "doubtful" if self.assessment.doubtful or self.assessment.problems else "done"

    @property
    def summary(self) -> str:
        """The result in one sentence."""
        if self.stale:
            verb = "is" if len(self.stale) == 1 else "are"
            why = f" ({'; '.join(self.reasons)})" if self.reasons else ""
            return f"{_counted(len(self.stale), 'frame')} {verb} not up to date{why}: run stcn propagate"
        count, problems = self.assessment.doubtful_frames, len(self.assessment.problems)
        parts = [f"{_counted(count, 'doubtful frame')}"] if count else []
        parts += [f"{_counted(problems, 'thing')} to check"] if problems else []
        return ", ".join(parts) or "No doubtful frames"

    def to_json(self) -> dict[str, Any]:
        """Return every figure of the shot."""
        frames = self.job.frames
        return {
            "shot": self.name,
            "state": self.state,
            "summary": self.summary,
            "frames": list(frames),
            "not_up_to_date": [frames[index] for index in sorted(self.stale)],
            "doubtful_below": DOUBTFUL,
            "assessment": json_of(self.assessment),
            "segments": [[frames[each.frames[0]], frames[each.frames[-1]]] for each in self.job.segments],
            "objects": [
                {
                    "name": each.name,
                    "keyframes": [frames[index] for index in each.keyframes],
                    "closure": [
                        {"from": frames[pair.start], "to": frames[pair.end], "overlap": _rounded(pair.overlap)}
                        for pair in each.closures
                    ],
                    "frames": [
                        {
                            "frame": frames[index],
                            "confidence": _rounded(each.confidence.get(index)),
                            "flicker": _rounded(self.flicker.get(each.name, {}).get(index), 5),
                            "hazy": each.hazy.get(index),
                            **figures.to_dict(),
                        }
                        for index, figures in each.figures.items()
                    ],
                }
                for each in self.series
            ],
            "weights": json_of(self.job.weights),
            "warnings": list(self.warnings),
            "rates": {where: dict(each) for where, each in self.rates.items()},
        }


def review_shot(
    shot: Shot, name: str, *, studio: Hooks | None = None, checkpoint: Callable[[], None] = lambda: None
) -> ShotReview:
    """Find out what there is of a shot, and assess it. Writes nothing but the figures in the cache.

    Args:
        shot: The shot.
        name: Name for the page.
        studio: The studio's plugins.
        checkpoint: Called before every frame. It may raise to stop.

    Raises:
        STCNError: The shot has a problem.
    """
    warnings = Warnings(lambda _: None)
    job = check(shot, studio=studio, watcher=Watcher(on_warning=warnings.add), needs_outputs=False)
    with shot.naming_origins():
        cache = CacheFolder.of(job.shot.out, job.settings.cache)
        before = Manifest.read(cache.manifest)
        if before is not None:
            job = _with_overlays_of(before, job)
        recipe = recipe_of(job, plate_stamps(job, cache, before, verify=False, activities=Activities()))
        series = measure(job, cache, recipe, checkpoint=checkpoint)
        work = difference(job, cache, recipe, checkpoint=checkpoint)
    written = {
        index for index, frame in enumerate(job.frames) if all(path.is_file() for path in job.writer.paths(frame))
    }
    stale = frozenset(index for each in work for index in each.finished)
    reasons = (
        reason for each in work for reason in reasons_for(job, cache, each, before, recipe.manifest, rebuild=False)
    )
    rates = before.rates if before else {}
    return ShotReview(
        name=name,
        job=job,
        series=series,
        assessment=assessment_of(job, series),
        written=frozenset(written),
        stale=stale,
        reasons=tuple(dict.fromkeys(reasons)),
        warnings=warnings.texts,
        rates=rates,
        frame_rate=_frame_rate(job),
    )


def _with_overlays_of(manifest: Manifest, job: Job) -> Job:
    """Return a job with the overlays of its last run: a review is about mattes, which do not depend on them."""
    try:
        last = {name: manifest.finishing.get(f"overlay.{name}") for name in Overlay.model_fields}
        overlay = Overlay.model_validate(last)
    except ValidationError:  # a damaged manifest
        return job
    return replace(job, settings=job.settings.model_copy(update={"overlay": overlay}))


def _frame_rate(job: Job) -> Fraction:
    found = job.plates.header(job.frames[0]).frame_rate
    return Fraction(*found) if found and all(found) else _DEFAULT_RATE


def _counted(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def _rounded(value: float | None, decimals: int = 4) -> float | None:
    return None if value is None else round(value, decimals)
