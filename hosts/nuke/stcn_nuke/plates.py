"""The plate as a file pattern: the files of a Read, or files rendered from another node."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import cast

import nuke

from stcn_nuke.knob_text import forward
from stcn_nuke.rendering import first_view, full_size, write_frames
from stcn_plugin.bridge.files import default_matte_pattern, frame_path, matte_folder, pattern_name
from stcn_plugin.errors import HostError

_UNRESOLVED = re.compile(r"%\{[^}]*\}|^[a-z][a-z0-9+.-]+://\S*", re.IGNORECASE)
"""A variable of the graph, ``%{shot}``, or a reference of an asset manager."""

_IMAGE_SUFFIXES = frozenset(
    {".exr", ".png", ".jpg", ".jpeg", ".tif", ".tiff", ".dpx", ".cin", ".tga", ".hdr", ".webp", ".bmp"}
)


def frame_range(node: nuke.Node) -> str:
    """Return the frame range of a node."""
    first, last = node.firstFrame(), node.lastFrame()
    return f"{first}-{last}" if first != last else str(first)


def plate_format(node: nuke.Node | None) -> nuke.Format:
    """Return the full format of the plate's node, or that of the script if the node is gone."""
    return node.format() if node is not None else nuke.root().format()


def file_pattern(node: nuke.Node) -> str | None:
    """Return the pattern of the files that a node reads, ``None`` if the node has to be rendered instead.

    That is the case for nodes other than Reads, movies, stills, and Reads that shift their frames. Expressions, variables
    of the graph and references of an asset manager are evaluated; with several views, the files are those of the first.

    Raises:
        HostError: The Read has no file, or a variable or reference in it could not be evaluated.
    """
    if node.Class() != "Read":
        return None
    name = forward(cast("nuke.File_Knob", node["file"]).getEvaluatedValue() or "")
    if not name:
        raise HostError(f"'{node.name()}' has no file", fix="Set its file, or select another plate")
    if unresolved := _UNRESOLVED.search(name):
        raise HostError(
            f"Nuke could not evaluate '{unresolved[0]}' in the file of '{node.name()}'",
            where=name,
            fix="Set the variable, or connect Nuke to the asset manager",
        )
    view = first_view()
    name = name.replace("%V", view).replace("%v", view[:1])
    is_sequence = PurePosixPath(name).suffix.lower() in _IMAGE_SUFFIXES and re.search(
        r"\d|#|@|%", PurePosixPath(name).name
    )
    is_shifted = str(node["frame"].value()).strip() != ""
    one_still = not re.search(r"#|%0?\d*d|@", name) and node["first"].value() == node["last"].value()
    return None if not is_sequence or is_shifted or one_still else name


def default_out(script: str, plate: nuke.Node) -> str:
    """Return the default pattern of the mattes: next to the script or in the home folder, named after the plate.

    Args:
        script: The script's file, empty if it was never saved.
        plate: The plate's node.
    """
    file = Path(script).absolute() if script else None
    name = ".".join([*([file.stem] if file else []), plate.name()])
    with suppress(HostError):  # the job reports it, if the artist does not mend the Read before
        name = pattern_name(file_pattern(plate) or f"{name}.####.exr")
    folder = (file.parent if file else Path.home()) / "mattes"
    return forward(default_matte_pattern(str(folder), name))


def rendered_pattern(out: str, node: str) -> str:
    """Return the pattern of a plate that is rendered from a node: next to the mattes.

    Args:
        out: Pattern of the mattes.
        node: Name of the node.
    """
    return forward(f"{matte_folder(out)}/plate/{pattern_name(out)}.{node}.####.exr")


def render_plate(node: nuke.Node, frames: Sequence[int], pattern: str) -> None:
    """Render a node in the script's working space, at full size.

    Raises:
        HostError: Nuke cannot render the node.
        CancelledError: The artist cancelled the rendering.
    """
    files = {frame: frame_path(pattern, frame) for frame in frames}
    with full_size():
        write_frames(node, files, channels="rgb", like=node.format())
