"""Training images from the keyframes of shots: plate and masks at the internal size of the shot."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from stcn_plugin.atomic import Outputs, write_atomic
from stcn_plugin.job.prepare import prepare
from stcn_plugin.media.matte_encoding import write_exr
from stcn_plugin.media.window import FrameHeader, Window
from stcn_plugin.shot.model import Shot


@dataclass(frozen=True, eq=False)
class _Keyframe:
    name: str
    rgb: NDArray[np.uint8]
    masks: Mapping[str, NDArray[np.float32]]

    def files(self, folder: Path) -> tuple[Path, Path]:
        """Return the paths of plate and masks."""
        return folder / f"{self.name.format('plates')}.png", folder / f"{self.name.format('masks')}.exr"

    def add_to(self, digest: hashlib._Hash) -> None:
        digest.update(f"{self.name} {self.rgb.shape}".encode() + self.rgb.tobytes())
        for name, mask in self.masks.items():
            digest.update(name.encode() + mask.tobytes())


def write_keyframe_pictures(shots: Sequence[Shot], folder: Path) -> Path:
    """Write every keyframe as a plate and its soft masks, one clip per shot, for `pictures.find_clips`.

    Args:
        shots: The shots.
        folder: Parent of the folder to write.

    Returns:
        The written folder. Its name contains a digest of the images, so other keyframes have another folder.

    Raises:
        STCNError: A shot is invalid, or a keyframe cannot be read.
        OutputError: The folder cannot be written.
    """
    keyframes = [each for number, shot in enumerate(shots, start=1) for each in _keyframes(shot, number)]
    digest = hashlib.sha256()
    for keyframe in keyframes:
        keyframe.add_to(digest)
    target = folder / f"keyframes-{digest.hexdigest()[:8]}"
    Outputs().prepare(path for keyframe in keyframes for path in keyframe.files(target))
    for keyframe in keyframes:
        _write(keyframe, target)
    return target


def _keyframes(shot: Shot, number: int) -> Iterator[_Keyframe]:
    """Yield the keyframes of a shot. Clip names contain its number, because shot files may share a name."""
    job = prepare(shot)
    name = f"{number:02d}_{shot.path.stem if shot.path else 'shot'}"
    for index, masks in job.masks.items():
        frame = job.frames[index]
        image = job.plates.read(frame).image(job.window, job.size)
        rgb = np.rint(image * 255).astype(np.uint8)
        yield _Keyframe(f"{name}/{{}}/{frame:06d}", rgb, {name: mask.numpy() for name, mask in masks.items()})


def _write(keyframe: _Keyframe, folder: Path) -> None:
    height, width, _ = keyframe.rgb.shape
    window = Window(0, 0, width, height)
    header = FrameHeader(display=window, data=window)
    picture = Pillow.fromarray(keyframe.rgb)
    plate, masks = keyframe.files(folder)
    write_atomic(plate, lambda stream: picture.save(stream, format="png"))
    planes = {f"{name}.A": mask for name, mask in keyframe.masks.items()}
    write_exr(masks, planes, "half", header=header, attributes={"compression": "zips"})
