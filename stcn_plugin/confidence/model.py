"""The expected J of a frame: a logistic model of its figures, fitted on clips with ground truth.

``model.json`` has the coefficients; ``docs/confidence.md`` describes the fit.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from stcn_plugin.confidence.figures import Figures

INPUTS = ("certainty", "outline")
"""The inputs of the model."""

KINDS = ("both", "one")
"""Frames that both passes reach, and frames that only one reaches, which have coefficients of their own."""

_LIMIT = 0.01
"""Shares are clamped to this distance from 0 and 1, since log odds are infinite there."""


@dataclass(frozen=True)
class Model:
    """Coefficients of the log odds of J.

    Args:
        both: Input to coefficient, and ``intercept``, for frames that both passes reach.
        one: The same for frames that only one pass reaches.
    """

    both: Mapping[str, float]
    one: Mapping[str, float]

    def expected_j(self, figures: Figures, *, keyframe: Figures | None) -> float:
        """Return the expected region overlap with the true matte, 0 to 1.

        Args:
            figures: The figures of the frame.
            keyframe: Those of the nearest keyframe.
        """
        return self.expected_of(inputs(figures, keyframe=keyframe), kind=kind_of(figures))

    def expected_of(self, values: Mapping[str, float], *, kind: str) -> float:
        """Return the expected region overlap for inputs from `inputs`."""
        coefficients = self.one if kind == "one" else self.both
        total = coefficients["intercept"] + sum(coefficients[name] * values[name] for name in INPUTS)
        return 1 / (1 + math.exp(-total))


def kind_of(figures: Figures) -> str:
    """Return whether both passes reach a frame, or one."""
    return "one" if figures.agreement is None else "both"


def inputs(figures: Figures, *, keyframe: Figures | None) -> dict[str, float]:
    """Return the inputs of the model. A larger one never means a lower confidence.

    Args:
        figures: The figures of a frame.
        keyframe: Those of the nearest keyframe.
    """
    outline = 0.0
    if keyframe is not None and keyframe.detail and figures.detail:
        outline = -abs(math.log(figures.detail / keyframe.detail))
    return {"certainty": log_odds(figures.certainty), "outline": outline}


@cache
def fitted_model() -> Model:
    """Return the model of the package."""
    data = json.loads(files("stcn_plugin.confidence").joinpath("model.json").read_text("utf-8"))
    return Model(data["both"], data["one"])


def log_odds(share: float) -> float:
    """Return the log odds of a share.

    >>> log_odds(0.5), round(log_odds(0.9), 3)
    (0.0, 2.197)
    """
    share = min(max(share, _LIMIT), 1 - _LIMIT)
    return math.log(share / (1 - share))
