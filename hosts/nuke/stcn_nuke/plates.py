"""The plate as a file pattern: that of a Read, or that of pictures rendered from any other node."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

import nuke

from stcn_nuke import paths
from stcn_nuke.rendering import first_view, full_size, write_frames
from stcn_plugin.errors import HostError

_PICTURES = frozenset(
    {".exr", ".png", ".jpg", ".jpeg", ".tif", ".tiff", ".dpx", ".cin", ".tga", ".hdr", ".webp", ".bmp"}
)


def frame_range(node: nuke.Node) -> str:
    """Return the frames of a node as a range."""
    first, last = node.firstFrame(), node.lastFrame()
    return f"{first}-{last}" if first != last else str(first)


def plate_format(node: nuke.Node | None) -> nuke.Format:
    """Return the full format of a plate, that of the script where there is no such node."""
    return node.format() if node is not None else nuke.root().format()


def file_pattern(node: nuke.Node) -> str | None:
    """Return the pattern of the files that a node reads, ``None`` where its frames are not those of files.

    Expressions are evaluated; of several views it is the first one's files. A Read of a movie or of one still, or that
    shifts its frames, has no pattern: its pictures must be rendered.

    Raises:
        HostError: A Read that names no file.
    """
    if node.Class() != "Read":
        return None
    with full_size():  # in proxy mode Nuke would name the proxy's files
        name = paths.forward(nuke.filename(node) or "")
    if not name:
        raise HostError(f"'{node.name()}' reads no file", fix="Choose its file, or select another plate")
    view = first_view()
    name = name.replace("%V", view).replace("%v", view[:1])
    is_sequence = PurePosixPath(name).suffix.lower() in _PICTURES and re.search(r"\d|#|@|%", PurePosixPath(name).name)
    is_shifted = str(node["frame"].value()).strip() != ""
    one_still = not re.search(r"#|%0?\d*d|@", name) and node["first"].value() == node["last"].value()
    return None if not is_sequence or is_shifted or one_still else name


def render_plate(node: nuke.Node, frames: Sequence[int], pattern: str) -> None:
    """Write the pictures of a node in the script's working space, at full size.

    Raises:
        HostError: Nuke cannot render it.
        CancelledError: The artist cancelled the rendering.
    """
    files = {frame: paths.frame_file(pattern, frame) for frame in frames}
    with full_size():
        write_frames(node, files, channels="rgb", like=node.format())
