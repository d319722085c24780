"""A shot of three objects for the tests of the hosts: its plate, and what an artist draws over it."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import cryptomatte_api
import numpy as np
import OpenImageIO as oiio
import yaml

FRAMES = range(1001, 1013)
WIDTH, HEIGHT = 160, 96
Disc = tuple[float, float, float]
"""Column and row of the centre, and the radius, in pixels from the top left."""

_COLOURS = {"hero": (0.8, 0.3, 0.1), "ball": (0.1, 0.4, 0.9), "flag": (0.1, 0.7, 0.2)}


def discs(frame: int) -> dict[str, Disc]:
    """Return where the objects are at a frame: the hero passes in front of the ball."""
    step = frame - FRAMES[0]
    return {
        "hero": (30.0 + 8 * step, 52.0, 20.0),
        "ball": (96.0, 20.0 + 4 * step, 12.0),
        "flag": (140.0 - 3 * step, 16.0, 8.0),
    }


def coverage(disc: Disc) -> np.ndarray:
    """Return the anti-aliased coverage of a disc, ``(H, W)`` from 0 to 1."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    x, y, radius = disc
    return np.asarray(np.clip(radius - np.hypot(columns - x, rows - y) + 0.5, 0, 1), np.float32)


def outline(disc: Disc) -> list[tuple[float, float]]:
    """Return a disc as a polygon."""
    x, y, radius = disc
    return [(x + radius * math.cos(a * math.pi / 16), y + radius * math.sin(a * math.pi / 16)) for a in range(32)]


def write_plate(folder: Path) -> str:
    """Write the plate as linear half EXR; return its frame pattern."""
    ground = np.kron(np.random.default_rng(7).random((12, 20, 3)), np.ones((8, 8, 1))) * 0.3
    for frame in FRAMES:
        pixels = ground
        for name, disc in reversed(discs(frame).items()):
            inside = coverage(disc)[..., np.newaxis]
            pixels = pixels * (1 - inside) + np.array(_COLOURS[name]) * inside
        file = str(folder / f"sh010.{frame}.exr")
        output = oiio.ImageOutput.create(file)
        assert output is not None
        assert output.open(file, oiio.ImageSpec(WIDTH, HEIGHT, 3, "half"))
        assert output.write_image(pixels.astype(np.float32))
        assert output.close()
    return f"{folder.as_posix()}/sh010.####.exr"


def propagate_plainly(
    folder: Path, plate: str, keyframes: Mapping[int, Mapping[str, str]], *options: str, preset: str = "default"
) -> Path:
    """Run ``stcn propagate`` in a folder of its own.

    Args:
        folder: The folder, which is created.
        plate: Frame pattern of the plate.
        keyframes: Frame to objects, each with its matte file and channel, ``FILE:CHANNEL``.
        options: Settings, each ``KEY=VALUE``.
        preset: The preset.

    Returns:
        The folder of the mattes, ``plain.####.exr``.
    """
    folder.mkdir()
    shot = {
        "plate": plate,
        "keyframes": {
            frame: [
                {"file": file, "objects": {name: channel}}
                for name, (file, _, channel) in ((name, text.rpartition(":")) for name, text in objects.items())
            ]
            for frame, objects in keyframes.items()
        },
        "out": str(folder / "plain.####.exr"),
        "extends": preset,
    }
    (folder / "plain.yaml").write_text(yaml.safe_dump(shot), "utf-8")
    settings = [word for option in options for word in ("--set", option)]
    command = [sys.executable, "-m", "stcn_plugin", "propagate", "--quiet", str(folder / "plain.yaml"), *settings]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    return folder


def matte_of(file: Path, name: str) -> np.ndarray:
    """Return the matte of an object from a file with layers, or from a Cryptomatte."""
    source = oiio.ImageInput.open(str(file))
    assert source is not None, oiio.geterror()
    names, pixels = source.spec().channelnames, source.read_image("float")
    source.close()
    assert pixels is not None, source.geterror()
    if f"{name}.A" in names:
        return np.asarray(pixels[..., names.index(f"{name}.A")])
    (cryptomatte,) = cryptomatte_api.Cryptomatte.load(str(file))
    return np.asarray(cryptomatte.mask(name))


def largest_difference(mattes: Path, others: Path) -> float:
    """Return the largest difference between the mattes of a host and of `propagate_plainly`, of all objects and frames."""
    return max(
        float(
            np.abs(
                matte_of(mattes / f"sh010_matte.{frame}.exr", name) - matte_of(others / f"plain.{frame}.exr", name)
            ).max()
        )
        for frame in FRAMES
        for name in _COLOURS
    )
