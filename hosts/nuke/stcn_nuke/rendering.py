"""Rendering frames of a node with a temporary Write node."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import nuke

from stcn_nuke.knob_text import set_file
from stcn_plugin.errors import CancelledError, HostError


@contextmanager
def full_size() -> Iterator[None]:
    """Turn proxy mode off; restore proxy mode, frame, undo and the modified flag afterwards."""
    root = nuke.root()
    proxy, frame, modified = root["proxy"].value(), nuke.frame(), root.modified()
    nuke.Undo.disable()  # temporary nodes do not belong in the undo history
    try:
        root["proxy"].setValue(False)
        yield
    finally:
        root["proxy"].setValue(proxy)
        if nuke.frame() != frame:
            nuke.frame(frame)
        root.setModified(modified)
        nuke.Undo.enable()


def first_view() -> str:
    """Return the view that is propagated: the first of the script."""
    return nuke.views()[0]


def write_frames(source: nuke.Node, files: Mapping[int, str], *, channels: str, like: nuke.Format) -> None:
    """Write frames of a node as half-float EXR, without colour conversion. Call it inside `full_size`.

    An image of another format is placed at the bottom left of the given format, as by a Merge; nothing is scaled.

    Args:
        source: The node.
        files: Frame to file.
        channels: ``alpha`` or ``rgb``.
        like: Format of the files.

    Raises:
        HostError: Nuke cannot render the node.
        CancelledError: The artist cancelled the rendering.
    """
    made: list[nuke.Node] = []
    with source.parent():
        try:
            write = _writer(_fitted(source, like, made), channels, made)
            for frame, file in files.items():
                _write(write, frame, file, source.fullName())
        finally:
            for node in reversed(made):
                nuke.delete(node)


def _fitted(source: nuke.Node, like: nuke.Format, made: list[nuke.Node]) -> nuke.Node:
    """Return the node, followed by a Reformat if it has another format."""
    own = source.format()
    if (own.width(), own.height()) == (like.width(), like.height()):
        return source
    reformat = nuke.nodes.Reformat()
    made.append(reformat)
    reformat.setInput(0, source)
    reformat["type"].setValue("to box")
    reformat["box_fixed"].setValue(True)
    reformat["box_width"].setValue(like.width())
    reformat["box_height"].setValue(like.height())
    reformat["box_pixel_aspect"].setValue(like.pixelAspect())
    reformat["resize"].setValue("none")
    reformat["center"].setValue(False)
    return reformat


def _writer(source: nuke.Node, channels: str, made: list[nuke.Node]) -> nuke.Node:
    write = nuke.nodes.Write()
    made.append(write)
    write.setInput(0, source)
    write["file_type"].setValue("exr")  # first, since it adds the knobs of the file type
    write["datatype"].setValue("16 bit half")
    write["channels"].setValue(channels)
    write["raw"].setValue(True)
    return write


def _write(write: nuke.Node, frame: int, file: str, name: str) -> None:
    path = Path(file)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)  # an old file must not be taken for the new one
    except OSError as error:
        raise HostError(f"the file cannot be written ({error.strerror})", where=file) from None
    set_file(write["file"], file)
    try:
        nuke.execute(write, frame, frame, 1, [first_view()])
    except RuntimeError as error:
        message = str(error).strip()
        if "cancel" in message.lower():
            raise CancelledError(f"rendering '{name}' was cancelled") from None
        raise HostError(
            f"'{name}' cannot be rendered ({message})",
            where=f"frame {frame}",
            fix="Correct the node, or those before it",
        ) from None
    if not path.is_file():
        raise HostError(f"Nuke rendered '{name}' but wrote no file", where=file, fix="Check the folder")
