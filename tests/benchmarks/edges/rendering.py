"""Renders the scenes to plates, keyframes and exact mattes on disk, once."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
from benchmarks.edges.drawing import Floats, render
from benchmarks.edges.scenes import Scene
from benchmarks.edges.surroundings import ground_of, panned
from scipy.ndimage import gaussian_filter

FIRST = 1001
_VERSION = 1
"""Raise it when the same parameters give other pictures."""


@dataclass(frozen=True)
class Rendered:
    """A scene on disk; the keyframe is the matte of its first frame.

    Args:
        scene: The scene.
        folder: Its folder.
        frames: Number of frames.
    """

    scene: Scene
    folder: Path
    frames: int

    @property
    def plate(self) -> str:
        """Frame pattern of the plate."""
        return str(self.folder / "plate.####.exr")

    @property
    def truth(self) -> str:
        """Frame pattern of the exact mattes."""
        return str(self.folder / "truth.####.exr")

    @property
    def keyframe(self) -> Path:
        """The matte of the first frame."""
        return self.folder / f"truth.{FIRST}.exr"


def rendered(scene: Scene, folder: Path, frames: int) -> Rendered:
    """Render a scene unless its folder has it.

    Args:
        scene: The scene.
        folder: Folder of all scenes.
        frames: Number of frames.
    """
    place = folder / f"{scene.name.replace(' ', '_')}_{_identity(scene)}"
    place.mkdir(parents=True, exist_ok=True)
    missing = [index for index in range(frames) if not (place / f"truth.{FIRST + index}.exr").exists()]
    if missing:
        _Renderer(scene, frames).write(place, missing)
    return Rendered(scene, place, frames)


class _Renderer:
    def __init__(self, scene: Scene, frames: int) -> None:
        self._scene = scene
        self._subjects = scene.subjects()
        height, width = scene.size
        reach = [int(abs(step) * width * (_LONGEST + 1)) + 2 for step in scene.pan]
        if frames > _LONGEST:
            raise ValueError(f"a scene has at most {_LONGEST} frames, got {frames}")
        is_still = scene.pan == (0.0, 0.0)
        self._ground = ground_of(scene.ground, scene.size if is_still else (height + reach[1], width + reach[0]))
        self._is_still = is_still
        noise = np.random.default_rng(11).normal(0, scene.grain, (*scene.size, 3)).astype(np.float32)
        self._grain = gaussian_filter(noise, (0.6, 0.6, 0)) * np.float32(1.9)

    def write(self, folder: Path, indices: list[int]) -> None:
        """Write frames; the matte of a frame comes last."""
        names = tuple(self._subjects)
        for index in indices:
            plate, alphas = self._frame(index)
            _write(folder / f"plate.{FIRST + index}.exr", plate, ("R", "G", "B"), "dwab:30")
            channels = np.concatenate([np.moveaxis(alphas, 0, -1)], -1)
            _write(folder / f"truth.{FIRST + index}.exr", channels, tuple(f"{name}.A" for name in names), "zips")

    def _frame(self, index: int) -> tuple[Floats, Floats]:
        scene = self._scene
        width = scene.size[1]
        layer = render(
            lambda time: [subject.polygons(time, scene.size) for subject in self._subjects.values()],
            size=scene.size,
            time=index,
            shutter=scene.shutter,
            times=scene.times,
            defocus=max(0.0, scene.defocus[0] + index * scene.defocus[1]) * width / 2048,
        )
        behind = self._ground(index)
        if not self._is_still:
            x, y = (step * width for step in scene.pan)
            shift = (x * (index + 1), y * (index + 1))
            behind = panned(behind, shift, scene.size, (x * scene.shutter, y * scene.shutter))
        plate = layer.colour + (1 - layer.alphas.sum(0))[..., None] * behind
        return self._grained(plate, index), layer.alphas

    def _grained(self, plate: Floats, index: int) -> Floats:
        """Add grain that is even in display-referred values."""
        random = np.random.default_rng((13, index))
        shift = tuple(int(each) for each in random.integers(0, self._scene.size))
        grain = np.roll(self._grain, shift, (0, 1))[:: random.choice((-1, 1)), :: random.choice((-1, 1))]
        shown = np.maximum(np.sqrt(plate) + grain, 0)
        return np.asarray(shown * shown, np.float32)


_LONGEST = 24
"""Most frames of a scene."""


def _identity(scene: Scene) -> str:
    """Return a digest of everything that pictures depend on but the code: parameters, and points of the subjects."""
    parameters = {key: value for key, value in scene.__dict__.items() if key != "subjects"}
    followed = {
        name: subject.points(1.0, scene.size).sum(0).round(2).tolist() for name, subject in scene.subjects().items()
    }
    text = json.dumps([_VERSION, parameters, followed], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def _write(path: Path, pixels: Floats, channels: tuple[str, ...], compression: str) -> None:
    buffer = oiio.ImageBuf(np.ascontiguousarray(pixels))
    buffer.specmod().channelnames = channels
    buffer.specmod()["compression"] = compression
    temporary = path.with_name(f".{path.name}.tmp.exr")
    if not buffer.write(str(temporary), "half"):
        raise OSError(buffer.geterror())
    temporary.replace(path)
