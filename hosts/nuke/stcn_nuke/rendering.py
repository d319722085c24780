"""Pictures of a node, written by a Write that is gone afterwards, whatever happens."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import nuke

from stcn_nuke.knob_texts import set_file
from stcn_plugin.errors import CancelledError, HostError


@contextmanager
def full_size() -> Iterator[None]:
    """Leave proxy mode, and put proxy mode, frame, undo and the "modified" mark back as they were."""
    root = nuke.root()
    proxy, frame, modified = root["proxy"].value(), nuke.frame(), root.modified()
    nuke.Undo.disable()  # what comes and goes here is nothing to step back to
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
    """Return the view that is propagated: the script's first one."""
    return nuke.views()[0]


def write_frames(source: nuke.Node, files: Mapping[int, str], *, channels: str, like: nuke.Format) -> None:
    """Write frames of a node as half EXR, in the numbers that the node has, at a format.

    Pixels of another format are laid into it from the bottom left, as a Merge does; nothing is scaled.
    Call it inside `full_size`.

    Args:
        source: The node.
        files: Frame to its file.
        channels: ``alpha`` or ``rgb``.
        like: The format.

    Raises:
        HostError: Nuke cannot render it.
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
    """Return the node, or a Reformat after it where its format is another one."""
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
    write["file_type"].setValue("exr")  # first: the knobs of a file type come with it
    write["datatype"].setValue("16 bit half")
    write["channels"].setValue(channels)
    write["raw"].setValue(True)
    return write


def _write(write: nuke.Node, frame: int, file: str, name: str) -> None:
    path = Path(file)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)  # so that one left from before cannot pass for this one
    except OSError as error:
        raise HostError(f"the file cannot be written ({error.strerror})", where=file) from None
    set_file(write["file"], file)
    try:
        nuke.execute(write, frame, frame, 1, [first_view()])
    except RuntimeError as error:
        said = str(error).strip()
        if "cancel" in said.lower():
            raise CancelledError(f"rendering '{name}' was cancelled") from None
        raise HostError(f"'{name}' cannot be rendered ({said})", where=f"frame {frame}") from None
    if not path.is_file():
        raise HostError(f"Nuke rendered '{name}' and wrote nothing", where=file, fix="Check the folder")
