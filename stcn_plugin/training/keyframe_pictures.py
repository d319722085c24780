"""The keyframes of shots as training pictures: plate and masks at the size at which the network would see them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image as Pillow

from stcn_plugin.atomic import write_whole
from stcn_plugin.errors import TrainingError
from stcn_plugin.media.matte_files import write_exr
from stcn_plugin.media.window import FrameHeader, Window
from stcn_plugin.presets.shot_model import Shot
from stcn_plugin.shot.job import Job, prepare


def write_keyframe_pictures(shots: Sequence[Shot], folder: Path) -> int:
    """Write every keyframe as a plate and masks, a folder a shot, as `pictures.find_clips` reads them.

    Args:
        shots: Whose keyframes; the mattes are taken as they are, soft edges and all.
        folder: Where to.

    Returns:
        How many keyframes there are.

    Raises:
        STCNError: A shot is wrong, or a keyframe cannot be read.
        OutputError: The folder cannot be written.
    """
    return sum(_write(prepare(shot), folder / name) for shot, name in zip(shots, _names(shots), strict=True))


def _names(shots: Sequence[Shot]) -> list[str]:
    """Return a folder name for each shot: of its file, with a number, since files in different folders may share one."""
    return [f"{number:02d}_{shot.path.stem if shot.path else 'shot'}" for number, shot in enumerate(shots, start=1)]


def _write(job: Job, folder: Path) -> int:
    (stretch,) = job.stretches
    height, width = job.size
    window = Window(0, 0, width, height)
    header = FrameHeader(display=window, data=window)
    for index, masks in stretch.masks.items():
        frame = job.frames[index]
        image = job.plates.read(frame, window=job.window, size=job.size).image
        picture = Pillow.fromarray(np.rint(image * 255).astype(np.uint8))
        plate = folder / "plates" / f"{frame:06d}.png"
        write_whole(plate, picture.save)
        planes = {f"{name}.A": mask.numpy() for name, mask in masks.items()}
        attributes = {"compression": "zips"}
        write_exr(folder / "masks" / f"{frame:06d}.exr", planes, "half", header=header, attributes=attributes)
    if not stretch.masks:
        raise TrainingError("the shot has no keyframes", where=str(job.shot.path or job.shot.plate))
    return len(stretch.masks)
