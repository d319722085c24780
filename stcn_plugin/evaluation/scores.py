"""The scores of a comparison: per object and frame, and their means."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any

UNITS = {
    "j": "region overlap, 0-1",
    "f": "boundary accuracy, 0-1",
    "jf": "mean of J and F, 0-1",
    "mse": "mean squared error x 1e3",
    "sad": "sum of absolute differences in thousands of pixels",
    "gradient": "sum of squared gradient differences in thousands",
    "connectivity": "sum of differences in connectivity in thousands of pixels",
    "dtssd": "difference of the change since the previous frame x 1e2",
    "band_mse": "mean squared error in the band x 1e3",
    "band_sad": "sum of absolute differences in the band in thousands of pixels",
    "band_gradient": "sum of squared gradient differences in the band in thousands",
    "band_dtssd": "difference of the change since the previous frame in the band x 1e2",
    "flicker": "change of the squared error along the motion in the band x 1e3",
}
"""Description of each score, by its key in the JSON."""


@dataclass(frozen=True)
class Scores:
    """Scores of an object on a frame, or a mean of scores.

    Args:
        j: Region overlap, 0 to 1.
        f: Boundary accuracy, 0 to 1.
        mse: Mean squared error x 1e3.
        sad: Sum of absolute differences in thousands of pixels.
        gradient: Sum of squared differences of gradient magnitudes in thousands.
        connectivity: Sum of differences in connectivity in thousands of pixels.
        dtssd: Difference of the change since the previous frame x 1e2; ``None`` if that frame is not scored.
        band_mse: Mean squared error in the band x 1e3. This and the others of the band are ``None`` if the ground truth
            has no edge.
        band_sad: Sum of absolute differences in the band in thousands of pixels.
        band_gradient: Sum of squared differences of gradient magnitudes in the band in thousands.
        band_dtssd: Difference of the change since the previous frame in the band x 1e2; ``None`` as for `dtssd`.
        flicker: Change of the squared error along the motion in the band x 1e3; ``None`` as for `dtssd`,
            and without a plate.
    """

    j: float
    f: float
    mse: float
    sad: float
    gradient: float
    connectivity: float
    dtssd: float | None
    band_mse: float | None
    band_sad: float | None
    band_gradient: float | None
    band_dtssd: float | None
    flicker: float | None

    @property
    def jf(self) -> float:
        """J&F, the mean of J and F."""
        return (self.j + self.f) / 2

    def to_dict(self) -> dict[str, float | None]:
        """Return the scores by key, with J&F after J and F."""
        own = asdict(self)
        return {"j": own.pop("j"), "f": own.pop("f"), "jf": self.jf, **own}


@dataclass(frozen=True)
class ObjectScores:
    """Scores of an object on all frames.

    Args:
        name: Name in the ground truth.
        matte: Name in the mattes.
        frames: Frame number to scores, ascending.
    """

    name: str
    matte: str
    frames: Mapping[int, Scores]

    @property
    def mean(self) -> Scores:
        """Mean over all frames."""
        return mean_of(self.frames.values())


@dataclass(frozen=True)
class Evaluation:
    """Scores of all objects.

    Args:
        mattes: Pattern of the mattes.
        truth: Pattern of the ground truth.
        objects: Scored objects, at least one.
    """

    mattes: str
    truth: str
    objects: tuple[ObjectScores, ...]

    @property
    def frames(self) -> tuple[int, ...]:
        """All scored frames, ascending."""
        return tuple(self.objects[0].frames)

    @property
    def mean(self) -> Scores:
        """Mean of the means of all objects, as in DAVIS."""
        return mean_of(scores.mean for scores in self.objects)

    def to_json(self) -> str:
        """Return all scores as JSON: ``mean``, and per object ``mean`` and ``frames``."""
        document = {
            "mattes": self.mattes,
            "truth": self.truth,
            "units": UNITS,
            "mean": self.mean.to_dict(),
            "objects": [
                {
                    "name": scores.name,
                    "matte": scores.matte,
                    "mean": scores.mean.to_dict(),
                    "frames": [{"frame": frame, **one.to_dict()} for frame, one in scores.frames.items()],
                }
                for scores in self.objects
            ],
        }
        return json.dumps(document, indent=2, allow_nan=False)


def mean_of(many: Iterable[Scores]) -> Scores:
    """Return the mean of each score, over those that have it.

    Args:
        many: At least one.
    """
    listed = [asdict(one) for one in many]
    return Scores(**{key: _mean([one[key] for one in listed]) for key in listed[0]})


def _mean(values: Iterable[float | None]) -> Any:
    present = [value for value in values if value is not None]
    return fmean(present) if present else None
