"""The script's colour management, for the worker: the plate's colour space, the working space and the OCIO config."""

from __future__ import annotations

import re
from pathlib import Path
from typing import cast

import nuke

from stcn_nuke.knob_text import forward
from stcn_plugin import environment

_CONFIGS = "OCIOConfigs/configs"
_NUKE_CONFIG = "nuke-default"  # has the spaces of Nuke's own colour management under the same names

# Names of colour spaces may end in parentheses themselves ("Linear Rec.709 (sRGB)"), so only Nuke's "default" and the
# roles of OCIO are prefixes.
_PREFIXED = re.compile(
    r"""
    (?: default | scene_linear | data | color_picking | texture_paint | matte_paint | compositing_log
      | compositing_linear | color_timing | rendering | reference | aces_interchange | cie_xyz_d65_interchange )
    \s* \( (?P<space>.+) \)
    """,
    re.VERBOSE | re.IGNORECASE,
)
_FAMILY = re.compile(r"(?<! )/(?! )")  # "ACES/ACES - ACEScg"; a slash between spaces belongs to the name


def space_name(value: str) -> str:
    """Return the colour space of a knob's value.

    >>> space_name("default (sRGB)"), space_name("Input/ARRI/ARRI LogC3 (EI800)")
    ('sRGB', 'ARRI LogC3 (EI800)')

    Args:
        value: The knob's value, which may have "default (...)", a role, or families before the name.
    """
    text = value.strip()
    while match := _PREFIXED.fullmatch(text):
        text = match["space"].strip()
    return _FAMILY.split(text)[-1].strip()


def plate_space(node: nuke.Node) -> str:
    """Return the colour space of a plate.

    This is the colour space of the Read, or the working space for a raw Read and for other nodes, which are rendered.
    """
    knob = node.knob("colorspace")
    if knob is None or node.Class() != "Read" or node["raw"].value():
        return working_space()
    return space_name(str(knob.value()))


def working_space() -> str:
    """Return the working space of the script."""
    knob = nuke.root().knob("workingSpaceLUT")
    return space_name(str(knob.value())) if knob is not None else "linear"


def config() -> str | None:
    """Return the OCIO config of the script, ``None`` if its file cannot be found.

    ``$OCIO`` overrides the knobs, as in Nuke. Nuke's own colour management is the config ``nuke-default``.
    """
    root = nuke.root()
    if path := environment.OCIO.value():
        return forward(path)
    if root["colorManagement"].value() != "OCIO":
        return _find_config(_NUKE_CONFIG)
    name = str(root["OCIO_config"].value())
    if name == "custom":
        custom = cast("nuke.File_Knob", root["customOCIOConfigPath"]).getEvaluatedValue()
        return forward(custom) if custom else None
    return _find_config(name)


def _find_config(name: str) -> str | None:
    """Return the file of a config that is part of Nuke or on its plugin path."""
    if "://" in name:
        return name
    program = Path(nuke.EXE_PATH).parent
    folders = [*map(Path, nuke.pluginPath()), program / "plugins", program.parent / "Resources"]
    for folder in folders:
        for file in (folder / _CONFIGS / name / "config.ocio", folder / _CONFIGS / f"{name}.ocio"):
            if file.is_file():
                return forward(str(file))
    return None
