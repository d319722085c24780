"""Converts raw renders to the files of the shot: half-float EXR with a reproducible header."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import OpenImageIO as oiio  # noqa: N813 - the name its documentation uses

FPS = 24
PLATE_COMPRESSION = "dwab:1000"
MATTE_COMPRESSION = "zip:9"
MATTE_STEPS = 128
"""Coverage is stored in steps of 1/128, about the precision of the rays; finer steps would only store noise."""
REC709 = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3127, 0.3290)
"""Chromaticities of R, G, B and white."""


def write_plate(raw: Path, path: Path, frame: int) -> None:
    """Write a plate: scene-linear Rec.709, half, DWAA."""
    pixels = np.maximum(_read(raw)[..., :3], 0.0)
    spec = _spec(pixels, ("R", "G", "B"), frame)
    spec.attribute("compression", PLATE_COMPRESSION)
    spec.attribute("chromaticities", oiio.TypeDesc("float[8]"), REC709)
    write_picture(path, spec, pixels)


def write_mattes(raw: Path, path: Path, frame: int) -> None:
    """Write the mattes of a render in which the hare is red and the koi green: a layer each, RGBA their union."""
    coverage = _read(raw)
    hare = np.clip(np.round(coverage[..., 0] * MATTE_STEPS) / MATTE_STEPS, 0.0, 1.0)
    koi = np.clip(np.round(coverage[..., 1] * MATTE_STEPS) / MATTE_STEPS, 0.0, 1.0 - hare)
    union = hare + koi
    pixels = np.stack([union, union, union, union, hare, koi], -1)
    spec = _spec(pixels, ("R", "G", "B", "A", "hare.A", "koi.A"), frame)
    spec.attribute("compression", MATTE_COMPRESSION)
    write_picture(path, spec, pixels)


def write_picture(path: Path, spec: oiio.ImageSpec, pixels: np.ndarray) -> None:
    """Write ``(H, W, C)`` pixels, and create the folder if needed; exit the script on failure."""
    path.parent.mkdir(parents=True, exist_ok=True)
    out = oiio.ImageOutput.create(str(path))
    if (
        out is None
        or not out.open(str(path), spec)
        or not out.write_image(np.ascontiguousarray(pixels))
        or not out.close()
    ):
        raise SystemExit(f"{path}: {out.geterror() if out else oiio.geterror()}")


def timecode(frame: int) -> tuple[int, int]:
    """Return the SMPTE words of a frame, counted from 0 at midnight: 1001 is 00:00:41:17.

    >>> hex(timecode(1001)[0])
    '0x4117'
    """
    seconds, frames = divmod(frame, FPS)
    minutes, seconds = divmod(seconds, 60)
    packed = 0
    for value in (minutes // 60, minutes % 60, seconds, frames):
        packed = packed << 8 | (value // 10) << 4 | value % 10
    return packed, 0


def _spec(pixels: np.ndarray, names: tuple[str, ...], frame: int) -> oiio.ImageSpec:
    height, width = pixels.shape[:2]
    spec = oiio.ImageSpec(width, height, len(names), oiio.HALF)
    spec.channelnames = names
    spec.attribute("PixelAspectRatio", 1.0)
    spec.attribute("framesPerSecond", oiio.TypeDesc("rational"), (FPS, 1))
    spec.attribute("smpte:TimeCode", oiio.TypeDesc("timecode"), timecode(frame))
    spec.attribute("Copyright", "CC0-1.0")
    spec.attribute("DateTime", "")  # otherwise the writer adds the time, and no two renders are identical
    return spec


def _read(path: Path) -> np.ndarray:
    return oiio.ImageBuf(str(path)).get_pixels(oiio.FLOAT)
