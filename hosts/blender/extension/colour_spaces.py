"""Blender's names of colour spaces and those of the worker's OCIO config."""

from __future__ import annotations

from stcn_plugin import environment

_NAMES = {
    "Linear Rec.709": "lin_rec709",
    "Linear": "lin_rec709",  # before Blender 4
    "sRGB": "srgb_tx",
    "ACEScg": "lin_ap1",
    "ACES2065-1": "lin_ap0",
    "ACEScc": "acescc_ap1",
    "ACEScct": "acescct_ap1",
    "Linear Rec.2020": "lin_rec2020",
    "Linear DCI-P3 D65": "lin_p3d65",
    "Linear CIE-XYZ D65": "lin_ciexyzd65_scene",
    "Display P3": "srgb_displayp3",
    "Rec.1886": "g24_rec709",
}


def input_space(name: str) -> str | None:
    """Return the value of ``colour.input`` for a colour space of Blender, ``None`` if there is none.

    With ``$OCIO``, Blender and the worker use the same config and the same names.
    """
    return name if environment.OCIO.value() else _NAMES.get(name)
