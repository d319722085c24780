"""The pixels of the stand-in's nodes, and files through OpenImageIO."""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any

from nuke_stage import Misuse, stage
from nuke_stage.knobs import evaluated, numbered

_NAMES = {"R": "red", "G": "green", "B": "blue", "A": "alpha"}
_SHORT = {long: short for short, long in _NAMES.items()}


def library(name: str) -> Any:
    """Import libraries for the stand-in alone, from a folder that comes last on the path."""
    folder = os.environ.get("NUKE_STAND_IN_LIBRARIES")
    if folder and folder not in sys.path:
        sys.path.append(folder)
    return importlib.import_module(name)


def nuke_channel(name: str) -> str:
    """Return Nuke's name of a file's channel."""
    layer, _, last = name.rpartition(".")
    return f"{layer or 'rgba'}.{_NAMES.get(last, last)}"


def header(file: str) -> Any:
    """Return the header of a file, ``None`` if there is no file."""
    oiio = library("OpenImageIO")
    source = oiio.ImageInput.open(file)
    if source is None:
        oiio.geterror()
        return None
    spec = source.spec()
    source.close()
    return spec


def channel_names(op: Any) -> set[str]:
    """Return the channels of a node."""
    names: set[str] = set().union(*(channel_names(before) for before in op.inputs[:1] if before))
    if op.kind == "Read":
        spec = header(numbered(evaluated(op.value("file")), op.value("first")))
        names |= set(map(nuke_channel, spec.channelnames)) if spec else set()
    if op.kind in ("Roto", "RotoPaint"):
        names.add("rgba.alpha")
    if op.kind == "Copy":
        names |= {op.value(f"to{slot}") for slot in range(4)} - {"none"}
    return names


def picture(op: Any, frame: int) -> dict[str, Any]:
    """Return the channels of a node at a frame, each ``(height, width)`` over its format, top row first."""
    np = library("numpy")
    if op.kind == "Read":
        return _read(op, frame)
    first = picture(op.inputs[0], frame) if op.inputs and op.inputs[0] else {}
    if op.kind in ("Roto", "RotoPaint"):
        from nuke_stage.curves import coverage

        return {**first, "rgba.alpha": coverage(op, frame, op.format())}
    if op.kind == "Copy":
        second = picture(op.inputs[1], frame)
        for slot in range(4):
            source, target = op.value(f"from{slot}"), op.value(f"to{slot}")
            if source != "none":
                first[target] = second[source]
        return first
    if op.kind == "Cryptomatte":
        return {**first, "rgba.alpha": _picked(op, frame)}
    if op.kind == "Multiply":
        return {name: pixels * op.value("value") for name, pixels in first.items()}
    if op.kind == "Reformat":
        width, height = op.format().width(), op.format().height()
        fitted = {}
        for name, pixels in first.items():
            fitted[name] = np.zeros((height, width), np.float32)
            h, w = min(height, pixels.shape[0]), min(width, pixels.shape[1])
            fitted[name][height - h :, :w] = pixels[pixels.shape[0] - h :, :w]
        return fitted
    if op.kind in ("Dot", "NoOp"):
        return first
    raise Misuse(f"the stand-in cannot render a {op.kind}")


def _read(op: Any, frame: int) -> dict[str, Any]:
    oiio = library("OpenImageIO")
    file = numbered(evaluated(op.value("file")), frame)
    source = oiio.ImageInput.open(file)
    if source is None:
        raise RuntimeError(f"{op.name}: {file}: {oiio.geterror()}")
    spec = source.spec()
    pixels = source.read_image("float")
    source.close()
    names = [nuke_channel(name) for name in spec.channelnames]
    return {name: pixels[..., index] for index, name in enumerate(names)}


def _picked(op: Any, frame: int) -> Any:
    """Return the coverage of the one object whose name is picked, from the file of the Read before."""
    file = numbered(evaluated(op.inputs[0].value("file")), frame)
    (cryptomatte,) = library("cryptomatte_api").Cryptomatte.load(file)
    return cryptomatte.mask(evaluated(op.value("matteList")))


def write(op: Any, frame: int) -> None:
    """Write the file of a Write node, at half size in proxy mode."""
    oiio, np = library("OpenImageIO"), library("numpy")
    channels = picture(op.inputs[0], frame)
    form = op.inputs[0].format()
    wanted = {"rgb": ["red", "green", "blue"], "alpha": ["alpha"]}[op.value("channels")]
    step = 2 if stage.root.value("proxy") else 1
    planes = [channels[f"rgba.{name}"][::step, ::step] for name in wanted]
    pixels = np.stack(planes, axis=-1).astype(np.float32)
    height, width = pixels.shape[:2]
    spec = oiio.ImageSpec(
        width, height, len(wanted), {"16 bit half": "half", "32 bit float": "float"}[op.value("datatype")]
    )
    spec.channelnames = tuple(_SHORT[name] for name in wanted)
    spec.attribute("PixelAspectRatio", form.pixelAspect())
    file = numbered(evaluated(op.value("file")), frame)
    if not os.path.isdir(os.path.dirname(file)):  # noqa: PTH112,PTH120
        raise RuntimeError(f"{op.name}: {file}: no such folder")
    output = oiio.ImageOutput.create(file)
    if not (output and output.open(file, spec) and output.write_image(pixels) and output.close()):
        raise RuntimeError(f"{op.name}: {oiio.geterror()}")
    stage.rendered.append((op.name, frame, stage.root.value("proxy")))
