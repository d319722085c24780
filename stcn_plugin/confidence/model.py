"""The expected J of a frame: a logistic model of its figures, fitted on clips with ground truth.

``model.json`` has the coefficients and how they were fitted; ``docs/confidence.md`` describes the fit.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from stcn_plugin.confidence.figures import Figures

_LIMIT = 0.01
"""Figures are clamped to this distance from 0 and 1, since log odds are infinite there."""


@dataclass(frozen=True)
class Model:
    """Coefficients of the log odds of figures, for frames that both passes reach and for those that only one reaches.

    Args:
        both: Figure to coefficient, and ``intercept``.
        one: The same without ``agreement``.
    """

    both: Mapping[str, float]
    one: Mapping[str, float]

    def expected_j(self, figures: Figures) -> float:
        """Return the expected region overlap with the true matte, 0 to 1."""
        coefficients = self.one if figures.agreement is None else self.both
        total = coefficients["intercept"]
        for name, coefficient in coefficients.items():
            if name != "intercept":
                total += coefficient * log_odds(getattr(figures, name))
        return 1 / (1 + math.exp(-total))


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
