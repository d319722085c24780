"""Writes overlays, small images of the plate tinted by the mattes, and a contact sheet of the shot."""

from __future__ import annotations

import colorsys
import io
import math
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from stcn_plugin.atomic import Outputs
from stcn_plugin.media.pixels import as_coverage, resized
from stcn_plugin.media.sequences import FrameSequence

_TINT = 0.45  # opacity of the object colour
_OUTLINE_WHITE = 0.35  # share of white in the outline, to make it stand out from the tint
_MAX_TILES = 20
_TILE_WIDTH = 320
_GAP = 6
_LEGEND_SIZE = 18
_SHEET_GREY = (24, 24, 24)
_WHITE = (235, 235, 235)
_KEYFRAME = (160, 120, 255)
_DOUBTFUL = (235, 64, 52)
_BORDER = 4
NO_FRAMES: Mapping[int, float] = MappingProxyType({})

# Well separated in hue and lightness, also for most forms of colour blindness.
_OBJECT_COLOURS = (
    (0.13, 0.65, 1.00),
    (1.00, 0.50, 0.08),
    (0.88, 0.28, 0.88),
    (1.00, 0.86, 0.10),
    (0.18, 0.80, 0.40),
    (0.95, 0.22, 0.22),
    (0.20, 0.88, 0.90),
    (0.60, 0.45, 1.00),
)
_GOLDEN_ANGLE = 0.618034  # in turns of hue: each further colour falls into the widest gap


class OverlayWriter:
    """Writes ``overlay.1001.jpg`` for every frame, and finally ``contact_sheet.jpg``.

    Objects are tinted, each in the same colour throughout the shot, and outlined where their matte is 0.5. Only the
    tiles of the contact sheet are kept in memory.

    Args:
        folder: Folder of the images.
        width: Width of an overlay in square pixels; a larger pixel aspect reduces the height.
        frames: All frames of the shot; up to twenty of them, evenly spaced, are on the contact sheet, besides marked ones.
        outputs: Writes the images; by default without protected source files.
    """

    def __init__(
        self, folder: Path, *, width: int = 480, frames: Sequence[int], outputs: Outputs | None = None
    ) -> None:
        self._outputs = outputs or Outputs()
        self._sequence, self._sheet = _output_paths(folder)
        self._width = width
        self._on_sheet = _evenly_spaced(sorted(frames), _MAX_TILES)
        self._tiles: dict[int, Image.Image] = {}
        self._added: set[int] = set()
        self._objects: list[str] = []

    def add(
        self,
        frame: int,
        image: NDArray[np.float32],
        mattes: Mapping[str, NDArray[np.float32]],
        *,
        pixel_aspect: float = 1.0,
    ) -> Path:
        """Write the overlay of a frame.

        Args:
            frame: As for `draw`.
            image: As for `draw`.
            mattes: As for `draw`.
            pixel_aspect: As for `draw`.

        Returns:
            The image.

        Raises:
            OutputError: The file cannot be written.
        """
        path, content = self.draw(frame, image, mattes, pixel_aspect=pixel_aspect)
        self._outputs.write(path, content)
        return path

    def draw(
        self,
        frame: int,
        image: NDArray[np.float32],
        mattes: Mapping[str, NDArray[np.float32]],
        *,
        pixel_aspect: float = 1.0,
    ) -> tuple[Path, bytes]:
        """Return the path and content of a frame's overlay, without writing it.

        Args:
            frame: Frame number.
            image: ``(h, w, 3)`` display-referred sRGB in [0, 1].
            mattes: ``(h, w)`` coverage of each object.
            pixel_aspect: Width of a pixel over its height.
        """
        self._objects += [name for name in mattes if name not in self._objects]
        height, width = image.shape[:2]
        size = max(1, round(height * self._width / (width * pixel_aspect))), self._width
        pixels = np.stack([resized(image[..., channel], size) for channel in range(3)], axis=-1)
        pixels = tinted(pixels, [resized(mattes[name], size) if name in mattes else None for name in self._objects])
        picture = Image.fromarray(np.rint(pixels.clip(0, 1) * 255).astype(np.uint8))
        if frame in self._on_sheet:
            self._tiles[frame] = _tile(picture)
        self._added.add(frame)
        labelled(picture, str(frame))
        return self._sequence.path(frame), _jpeg(picture, quality=92)

    def finish(self, *, keyframes: Collection[int] = (), doubtful: Mapping[int, float] = NO_FRAMES) -> Path | None:
        """Write the contact sheet; frames that were not added are taken from the overlays of an earlier run.

        Args:
            keyframes: Keyframes. All of them are on the sheet, with a violet border.
            doubtful: Doubtful frames to their confidence, 0 to 1; on the sheet, too, with a red border.

        Returns:
            The sheet; ``None`` if none of its frames was added.

        Raises:
            OutputError: The file cannot be written.
        """
        if not self._added:
            return None
        shown = sorted(self._on_sheet.union(keyframes, doubtful))
        tiles = [
            _marked(tile, frame, is_keyframe=frame in keyframes, confidence=doubtful.get(frame))
            for frame in shown
            if (tile := self._tiles.get(frame) or self._earlier_tile(frame))
        ]
        if not tiles:
            return None
        columns = math.ceil(math.sqrt(len(tiles)))
        tile_width, tile_height = tiles[0].width, max(tile.height for tile in tiles)
        rows = math.ceil(len(tiles) / columns)
        width = columns * (tile_width + _GAP) + _GAP
        legend = _legend(self._objects, width)
        height = rows * (tile_height + _GAP) + _GAP
        sheet = Image.new("RGB", (width, height + legend.height), _SHEET_GREY)
        for index, tile in enumerate(tiles):
            row, column = divmod(index, columns)
            sheet.paste(tile, (_GAP + column * (tile_width + _GAP), _GAP + row * (tile_height + _GAP)))
        sheet.paste(legend, (0, height))
        self._outputs.write(self._sheet, _jpeg(sheet, quality=90))
        return self._sheet

    def _earlier_tile(self, frame: int) -> Image.Image | None:
        """Return the tile of a frame that has an overlay on disk; ``None`` if it is missing or damaged."""
        with suppress(OSError), Image.open(self._sequence.path(frame)) as picture:
            return _tile(picture.convert("RGB"))
        return None


def object_colour(index: int) -> tuple[float, float, float]:
    """Return the preview colour of an object; the same in every shot.

    Args:
        index: Zero-based position of the object.

    Returns:
        Red, green and blue in [0, 1], display-referred.
    """
    if index < len(_OBJECT_COLOURS):
        return _OBJECT_COLOURS[index]
    return colorsys.hsv_to_rgb(index * _GOLDEN_ANGLE % 1, 0.75, 0.7)  # darker than the first ones


def overlay_files(folder: Path, frames: Sequence[int]) -> tuple[Path, ...]:
    """Return the files that an `OverlayWriter` writes, the contact sheet last."""
    sequence, sheet = _output_paths(folder)
    return (*map(sequence.path, frames), sheet)


def overlay_file(folder: Path, frame: int) -> Path:
    """Return the overlay of a frame that an `OverlayWriter` writes."""
    return _output_paths(folder)[0].path(frame)


def tinted(image: NDArray[np.float32], mattes: Sequence[NDArray[np.float32] | None]) -> NDArray[np.float32]:
    """Return an image with its objects tinted, each in its colour, and outlined where their matte is 0.5.

    Args:
        image: ``(h, w, 3)`` display-referred sRGB in [0, 1].
        mattes: ``(h, w)`` coverage of every object of the shot, in order; ``None`` for one that is not to be seen.
    """
    pixels = np.array(image, np.float32)
    for index, matte in enumerate(mattes):
        if matte is not None:
            _tint(pixels, as_coverage(matte), np.array(object_colour(index), np.float32))
    return pixels


def _output_paths(folder: Path) -> tuple[FrameSequence, Path]:
    folder = Path(folder)
    return FrameSequence(folder, "overlay.", 4, ".jpg"), folder / "contact_sheet.jpg"


def _jpeg(picture: Image.Image, *, quality: int) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, format="jpeg", quality=quality, subsampling=0)
    return stream.getvalue()


def _evenly_spaced(frames: Sequence[int], most: int) -> frozenset[int]:
    """Pick evenly spaced frames, including the first and the last."""
    if not frames:
        return frozenset()
    picked = np.linspace(0, len(frames) - 1, min(most, len(frames))).round().astype(int)
    return frozenset(frames[index] for index in picked)


def _tint(pixels: NDArray[np.float32], matte: NDArray[np.float32], colour: NDArray[np.float32]) -> None:
    """Tint pixels in place with an object's colour, and outline it."""
    pixels += (matte * np.float32(_TINT))[..., np.newaxis] * (colour - pixels)
    inside = matte >= 0.5
    core = inside.copy()
    core[1:] &= inside[:-1]
    core[:-1] &= inside[1:]
    core[:, 1:] &= inside[:, :-1]
    core[:, :-1] &= inside[:, 1:]
    pixels[inside & ~core] = colour + np.float32(_OUTLINE_WHITE) * (1 - colour)


def _tile(picture: Image.Image) -> Image.Image:
    """Return an image at the size of the contact sheet."""
    width = min(_TILE_WIDTH, picture.width)
    height = max(1, round(picture.height * width / picture.width))
    return picture.resize((width, height), Image.Resampling.LANCZOS)


def _marked(tile: Image.Image, frame: int, *, is_keyframe: bool, confidence: float | None) -> Image.Image:
    """Return a tile with its frame number, which covers that of the overlay, and with its marks."""
    tile, text, colour = tile.copy(), str(frame), None
    if confidence is not None:
        text, colour = f"{text} {confidence:.0%}", _DOUBTFUL
    if is_keyframe:
        text, colour = f"{text} key", _KEYFRAME
    labelled(tile, text)
    if colour:
        ImageDraw.Draw(tile).rectangle((0, 0, tile.width - 1, tile.height - 1), outline=colour, width=_BORDER)
    return tile


def labelled(picture: Image.Image, text: str) -> None:
    """Draw a frame number on black in the lower left corner."""
    draw = ImageDraw.Draw(picture)
    size = max(13, picture.height // 16)
    font = ImageFont.load_default(size)
    left, top, right, bottom = draw.textbbox((0, 0), text, font=font)
    margin = size // 3
    box_top = picture.height - (bottom - top) - 2 * margin
    draw.rectangle((0, box_top, right - left + 2 * margin, picture.height), fill=(0, 0, 0))
    draw.text((margin - left, box_top + margin - top), text, font=font, fill=_WHITE)


def _legend(objects: Sequence[str], width: int) -> Image.Image:
    """Draw the names of the objects next to their colours, wrapped to the width."""
    font = ImageFont.load_default(_LEGEND_SIZE)
    line = _LEGEND_SIZE + 2 * _GAP
    places: list[tuple[int, int]] = []
    x, y = _GAP, 0
    for name in objects:
        needed = _LEGEND_SIZE + 2 * _GAP + math.ceil(font.getlength(name)) + 2 * _GAP
        if x + needed > width and x > _GAP:
            x, y = _GAP, y + line
        places.append((x, y))
        x += needed
    legend = Image.new("RGB", (width, y + line if objects else 0), _SHEET_GREY)
    draw = ImageDraw.Draw(legend)
    for index, (name, (left, top)) in enumerate(zip(objects, places, strict=True)):
        red, green, blue = (round(value * 255) for value in object_colour(index))
        square = (left, top + _GAP, left + _LEGEND_SIZE, top + _GAP + _LEGEND_SIZE)
        draw.rectangle(square, fill=(red, green, blue))
        middle = top + _GAP + _LEGEND_SIZE // 2
        draw.text((left + _LEGEND_SIZE + 2 * _GAP, middle), name, font=font, fill=_WHITE, anchor="lm")
    return legend
