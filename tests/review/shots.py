"""A propagated shot of two objects, whose names have characters that HTML reserves."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
from cli.stcn_process import stcn
from golden.stand_in import golden_frames, golden_masks
from PIL import Image

HOSTILE = "<b>&</script>"
SIZE = 64, 96
COUNT = 5


def make_shot(folder: Path, *options: str, name: str = "shot", count: int = COUNT) -> Path:
    """Write a shot, and propagate it with options of the command line; return its file."""
    for number, frame in enumerate(golden_frames(count, *SIZE)):
        Image.fromarray(frame).save(folder / f"p.{1001 + number}.png")
    for number in (0, count - 1):
        masks = golden_masks(*SIZE, number)
        indices = np.zeros(SIZE, np.uint8)
        indices[masks[0] > 0], indices[masks[1] > 0] = 1, 2
        image = Image.fromarray(indices)
        image.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
        image.save(folder / f"key.{1001 + number}.png")
    keyframes = {
        frame: {"file": f"key.{frame}.png", "objects": {HOSTILE: 1, "plain": 2}} for frame in (1001, 1000 + count)
    }
    shot = folder / f"{name}.yaml"
    data = {"plate": "p.####.png", "keyframes": keyframes, "out": "m/m.####.exr", "size": 64}
    shot.write_text(json.dumps(data))  # JSON is YAML
    result = stcn("propagate", shot.name, *options, cwd=folder)
    assert result.returncode == 0, result.stderr
    return shot


def invert(source: Path, target: Path, *, last: int) -> None:
    """Write the inverse of the mattes of a shot, up to a frame."""
    target.mkdir()
    for number in range(1001, last + 1):
        image = oiio.ImageBuf(str(source / f"m.{number}.exr"))
        assert oiio.ImageBufAlgo.invert(image).write(str(target / f"m.{number}.exr"))
