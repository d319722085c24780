"""Packed training data: one zip file with the images of a training configuration, its settings and initial weights.

Images are WebP, masks PNG. It is read without OpenImageIO, which a machine with a GPU may not have.
"""

from __future__ import annotations

import io
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from stcn_plugin.atomic import write_atomic
from stcn_plugin.presets.fields import Section
from stcn_plugin.training.config import TrainingConfig

CutOutKind = Literal["element", "puppet"]
Shaped = TypeVar("Shaped")

_CONTENTS = "contents.json"
_WEIGHTS = "initial.safetensors"
_QUALITY = 80
"""Of lossy WebP. Alpha and masks are lossless."""


class PackedClip(Section):
    """A clip, or a still as a clip of one picture.

    The members of the archive are named by the number of the first picture.
    """

    first: int
    """Number of its first picture."""
    length: int
    """Number of pictures."""
    objects: int
    """Number of objects, the same in all pictures."""
    weight: float
    """How often it is sampled, relative to others."""


class PackedCutOut(Section):
    """A cut-out with alpha, animated if it has several images."""

    first: int
    """Number of its first image."""
    length: int
    """Number of images."""
    kind: CutOutKind
    """Where it is from."""


class Contents(Section):
    """What a pack contains."""

    config: TrainingConfig
    """The configuration, with the base names of all paths."""
    initial_licence: str
    """Licence of the weights that `config.init_weights` names."""
    clips: tuple[PackedClip, ...]
    cut_outs: tuple[PackedCutOut, ...]


class PackWriter:
    """Collects images in memory, and writes them as one file.

    Args:
        weights: A safetensors file with the initial weights.
    """

    def __init__(self, weights: bytes) -> None:
        self._members: dict[str, bytes] = {_WEIGHTS: weights}
        self._clips: list[PackedClip] = []
        self._cut_outs: list[PackedCutOut] = []
        self._pictures = self._images = 0
        self.size = len(weights)

    def add_clip(self, pictures: list[tuple[bytes, bytes]], *, objects: int, weight: float) -> None:
        """Add a clip of `encoded_picture` results."""
        self._clips.append(
            PackedClip(first=self._pictures, length=len(pictures), objects=objects, weight=weight),
        )
        for rgb, masks in pictures:
            self._add(_picture(self._pictures), rgb)
            self._add(_masks(self._pictures), masks)
            self._pictures += 1

    def add_cut_out(self, images: list[bytes], *, kind: CutOutKind) -> None:
        """Add a cut-out of `encoded_cut_out` results."""
        self._cut_outs.append(PackedCutOut(first=self._images, length=len(images), kind=kind))
        for image in images:
            self._add(_image(self._images), image)
            self._images += 1

    def write(self, path: Path, config: TrainingConfig, *, initial_licence: str) -> None:
        """Write the file.

        Raises:
            OutputError: It cannot be written.
        """
        contents = Contents(
            config=config, initial_licence=initial_licence, clips=tuple(self._clips), cut_outs=tuple(self._cut_outs)
        )
        members = {_CONTENTS: contents.model_dump_json().encode("utf-8"), **self._members}

        def write(stream: IO[bytes]) -> None:
            with zipfile.ZipFile(stream, "w") as archive:
                for name, data in members.items():
                    archive.writestr(name, data)

        write_atomic(path, write)

    def _add(self, name: str, data: bytes) -> None:
        self._members[name] = data
        self.size += len(data) + 2 * len(name) + 76 + 46  # the headers of a member


class Pack:
    """A pack in memory.

    Args:
        path: The file.

    Raises:
        OSError: It cannot be read.
        ValueError: It is not a pack of this version.
    """

    def __init__(self, path: Path) -> None:
        try:
            with zipfile.ZipFile(path) as archive:
                self._members = {name: archive.read(name) for name in archive.namelist()}
            self.contents = Contents.model_validate_json(self._members[_CONTENTS])
            self.weights = self._members[_WEIGHTS]
        except (KeyError, ValueError, zipfile.BadZipFile) as error:
            raise ValueError(f"{path} is not a pack of this version: {error}") from error

    def pictures(self, threads: ThreadPoolExecutor) -> list[NDArray[np.uint8]]:
        """Return RGB and the masks of each picture, ``(3 + objects, H, W)``."""
        numbered = [
            (clip.first + number, clip.objects) for clip in self.contents.clips for number in range(clip.length)
        ]
        return list(threads.map(lambda each: self._decoded_picture(*each), numbered))

    def cut_outs(self, threads: ThreadPoolExecutor) -> list[NDArray[np.uint8]]:
        """Return the straight RGBA of each image of all cut-outs, ``(4, H, W)``."""
        count = sum(each.length for each in self.contents.cut_outs)
        return list(threads.map(lambda number: _decoded(self._members[_image(number)], "RGBA"), range(count)))

    def _decoded_picture(self, number: int, objects: int) -> NDArray[np.uint8]:
        rgb = _decoded(self._members[_picture(number)], "RGB")
        masks = _decoded(self._members[_masks(number)], "L")
        return np.concatenate([rgb, masks.reshape(objects, *rgb.shape[1:])])


def encoded_picture(rgb: NDArray[np.uint8], masks: NDArray[np.uint8]) -> tuple[bytes, bytes]:
    """Encode RGB ``(H, W, 3)`` and masks ``(O, H, W)``, which are stored one below the other."""
    return _webp(rgb), _encoded(masks.reshape(-1, masks.shape[-1]), format="PNG", optimize=True)


def encoded_cut_out(rgba: NDArray[np.uint8]) -> bytes:
    """Encode straight RGBA, ``(H, W, 4)``."""
    return _webp(rgba)


def _webp(pixels: NDArray[np.uint8]) -> bytes:
    return _encoded(pixels, format="WEBP", quality=_QUALITY, alpha_quality=100)


def _encoded(pixels: NDArray[np.uint8], **options: object) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, **options)  # type: ignore[arg-type]
    return stream.getvalue()


def _decoded(data: bytes, mode: str) -> NDArray[np.uint8]:
    """Decode an image to ``(C, H, W)``, or a grey one to ``(H, W)``."""
    pixels = np.asarray(Image.open(io.BytesIO(data)).convert(mode))  # WebP leaves out an alpha that is 1 everywhere
    return pixels if pixels.ndim == 2 else np.ascontiguousarray(np.moveaxis(pixels, -1, 0))


def _picture(number: int) -> str:
    return f"pictures/{number}.webp"


def _masks(number: int) -> str:
    return f"masks/{number}.png"


def _image(number: int) -> str:
    return f"cut_outs/{number}.webp"
