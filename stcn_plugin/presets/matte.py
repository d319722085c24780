"""The settings that turn probabilities into mattes, with their defaults, bounds and descriptions."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from stcn_plugin.choices import Edges, FeatherSide
from stcn_plugin.presets.fields import Area, Section, off_from_boolean


class Matte(Section):
    """How probabilities become mattes: the stabiliser, edges, the matte levels, then cleaning, in the order of these settings.

    Keyframes are delivered as the artist drew them. A shot file can set all of these for one object alone, in
    `objects`.
    """

    stabilise: Annotated[
        Literal["auto"] | Literal["off"] | Annotated[float, Field(ge=0, le=1, strict=True)],  # noqa: PYI030 - one form each
        BeforeValidator(off_from_boolean),
    ] = "auto"
    """How strongly flicker is taken out of the edge, along the motion in the plate: `off`, or a strength up to `1`, at
    which the frames before and after count as much as the frame itself. `auto` measures the flicker.

    Use `off` if single frames have detail that their neighbours lack, such as sparks, and `1` if an edge still
    flickers. Only a band around the edge changes, and only where the plate has the same colours before or after.
    """
    edges: Annotated[Edges, BeforeValidator(off_from_boolean)] = "network"
    """How the edge is refined at plate resolution: by a small `network` that was trained on hair, motion blur and
    defocus, or by a `guided` filter. `off` only enlarges what was propagated.

    Only a band around the edge changes, and only where the refined matte explains the plate better. Parts of the object
    that the propagation has lost are neither added nor removed: add a keyframe. Use `off` for a first look, or if the
    edge shows the grain of the plate.
    """
    black: Annotated[float, Field(ge=0, lt=1, strict=True)] = 0.15
    """Probabilities up to this value become exactly 0, so that clear background is clean.

    Raise it if the background is dirty. Lower it (`0`) if faint hair or smoke is cut off.
    """
    white: Annotated[float, Field(gt=0, le=1, strict=True)] = 0.85
    """Probabilities from this value up become exactly 1, so that the core is solid.

    Lower it if the core has holes. Set it to `1` to keep every half-transparent value.
    """
    remove_specks: Area = 0.0
    """Remove isolated parts of the matte with at most this many plate pixels above 0.5, with their soft borders.

    Set it (`50`) if small dots flicker in the background. It also removes small parts of the object that nothing
    connects to the rest, such as the tips of hair.
    """
    fill_holes: Area = 0.0
    """Fill holes of the matte with at most this many plate pixels below 0.5, with their soft borders.

    Set it (`50`) if the core has small holes that `white` does not close. Gaps of the object of this size are filled as
    well, such as those between fingers.
    """
    grow: Annotated[float, Field(ge=-100, le=100, strict=True)] = 0.0
    """Move the edge outwards by this many plate pixels, or inwards if negative. Fractions are possible, and soft edges
    stay as soft as they are.

    Shrink (`-1`) if a line of background shows around the object in the comp, grow if the edge of the object is cut
    off. Parts thinner than twice the distance disappear when shrunk.
    """
    feather: Annotated[float, Field(ge=0, le=100, strict=True)] = 0.0
    """Soften the edge, up to this many plate pixels from it, on the sides that `feather_side` names.

    Set it if the edge is harder than that of the plate, such as for an object out of focus.
    """
    feather_side: FeatherSide = "both"
    """Side of the edge that is softened: `inside` takes from the object and leaves the background clean, `outside`
    adds to it and leaves the core solid.

    Use `inside` if a soft edge must not show background, `outside` for a garbage matte or a holdout.
    """

    @model_validator(mode="after")
    def _ordered(self) -> Matte:
        if problem := self.levels_problem:
            raise ValueError(problem)
        return self

    @property
    def levels_problem(self) -> str | None:
        """What is wrong between `black` and `white`, if anything."""
        return None if self.black < self.white else f"black ({self.black}) must be below white ({self.white})"
