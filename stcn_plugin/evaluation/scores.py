"""The scores of a comparison: per object and frame, and their means."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from statistics import fmean

UNITS = {
    "j": "region overlap, 0-1",
    "f": "boundary accuracy, 0-1",
    "jf": "mean of J and F, 0-1",
    "mse": "mean squared error x 1e3",
    "sad": "sum of absolute differences in thousands of pixels",
    "gradient": "sum of squared gradient differences in thousands",
    "dtssd": "difference of the change since the previous frame x 1e2",
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
        dtssd: Difference of the change since the previous frame x 1e2; ``None`` if that frame is not scored.
    """

    j: float
    f: float
    mse: float
    sad: float
    gradient: float
    dtssd: float | None

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
    """Return the mean of each score; the mean of dtSSD ignores frames without it.

    Args:
        many: At least one.
    """
    listed = list(many)
    changes = [one.dtssd for one in listed if one.dtssd is not None]
    return Scores(
        j=fmean(one.j for one in listed),
        f=fmean(one.f for one in listed),
        mse=fmean(one.mse for one in listed),
        sad=fmean(one.sad for one in listed),
        gradient=fmean(one.gradient for one in listed),
        dtssd=fmean(changes) if changes else None,
    )
