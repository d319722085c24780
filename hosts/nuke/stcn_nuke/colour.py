"""Colour as the script has it: the plate's space, the working space and the OCIO config, for the worker."""

from __future__ import annotations

import re
from pathlib import Path

import nuke

from stcn_nuke.paths import forward
from stcn_plugin import environment

_CONFIGS = "OCIOConfigs/configs"
_NUKE_CONFIG = "nuke-default"  # has the spaces that Nuke's own colour management calls by the same names

# Decoration around the space that is meant. Names of spaces may end in parentheses themselves ("Linear Rec.709 (sRGB)"),
# so that only Nuke's "default" and the roles of OCIO count as decoration.
_DECORATED = re.compile(
    r"""
    (?: default | scene_linear | data | color_picking | texture_paint | matte_paint | compositing_log
      | compositing_linear | color_timing | rendering | reference | aces_interchange | cie_xyz_d65_interchange )
    \s* \( (?P<space>.+) \)
    """,
    re.VERBOSE | re.IGNORECASE,
)
_FAMILY = re.compile(r"(?<! )/(?! )")  # "ACES/ACES - ACEScg"; a slash between spaces belongs to the name


def space_name(shown: str) -> str:
    """Return the colour space that a knob means.

    >>> space_name("default (sRGB)"), space_name("Input/ARRI/ARRI LogC3 (EI800)")
    ('sRGB', 'ARRI LogC3 (EI800)')

    Args:
        shown: The knob's value, with "default (...)", a role, or families before it.
    """
    text = shown.strip()
    while match := _DECORATED.fullmatch(text):
        text = match["space"].strip()
    return _FAMILY.split(text)[-1].strip()


def plate_space(node: nuke.Node) -> str:
    """Return the colour space of a plate's files, empty where the node does not say.

    Pictures of a node that is no Read are rendered in the script's working space; so are those that a Read takes raw.
    """
    knob = node.knob("colorspace")
    if knob is None or node.Class() != "Read" or node["raw"].value():
        return working_space()
    return space_name(str(knob.value()))


def working_space() -> str:
    """Return the colour space that the script works in."""
    knob = nuke.root().knob("workingSpaceLUT")
    return space_name(str(knob.value())) if knob is not None else "linear"


def config() -> str | None:
    """Return the OCIO config of the script, ``None`` where Nuke does not say which file it is.

    ``$OCIO`` goes over the knobs, as in Nuke. Nuke's own colour management stands in the config `nuke-default`.
    """
    root = nuke.root()
    if path := environment.OCIO.value():
        return forward(path)
    if root["colorManagement"].value() != "OCIO":
        return _shipped(_NUKE_CONFIG)
    name = str(root["OCIO_config"].value())
    if name == "custom":
        custom = root["customOCIOConfigPath"].getEvaluatedValue()
        return forward(custom) if custom else None
    return _shipped(name)


def _shipped(name: str) -> str | None:
    """Return a config that comes with Nuke or lies on its plugin path."""
    if "://" in name:
        return name
    program = Path(nuke.EXE_PATH).parent
    folders = [*map(Path, nuke.pluginPath()), program / "plugins", program.parent / "Resources"]
    for folder in folders:
        for file in (folder / _CONFIGS / name / "config.ocio", folder / _CONFIGS / f"{name}.ocio"):
            if file.is_file():
                return forward(str(file))
    return None
