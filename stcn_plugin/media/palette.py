"""Mattes in the indices of a palette picture, and in the flat colours of an ID picture."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import PIL
from numpy.typing import NDArray
from PIL import Image as PillowImage

from stcn_plugin.errors import KeyframeError
from stcn_plugin.media.images import ImageHeader
from stcn_plugin.media.keyframe_file import KeyframeFile, Matte, listed

VOID = 255
"""Index that data sets of video segmentation give to pixels nobody decided about; an object only where it is named."""

MOST_COLOURS = 64
"""Flat colours up to which a picture is taken for an ID picture."""

_HEX = re.compile(r"#(?P<digits>[0-9a-fA-F]{6})")
_MIXED = np.uint32(0xFFFFFFFF)  # no 8-bit colour: a pixel between two of them


def open_palette(path: Path) -> PillowImage.Image | None:
    """Open a palette picture; ``None`` for every other one.

    OpenImageIO turns indices into colours, so this is the one kind of picture that Pillow reads.
    """
    try:
        picture = PillowImage.open(path)
    except (OSError, PIL.UnidentifiedImageError, PillowImage.DecompressionBombError):
        return None
    return picture if picture.mode == "P" else None


def is_colour(selector: str) -> bool:
    """Whether a selector is a colour such as ``#ff0000``."""
    return _HEX.fullmatch(selector) is not None


def read_palette(file: KeyframeFile, picture: PillowImage.Image, header: ImageHeader) -> dict[str, Matte]:
    """Read the objects of a palette picture.

    Each index that was picked is an object. Where none was, each index of the picture is one by its number, except 0,
    the background, and 255, the void; but a palette of several greys up to white is a soft matte that some program
    saved with a palette, and is one object.

    Raises:
        KeyframeError: An index is absent or no number, or the file is damaged.
    """
    try:
        picture.load()
        indices = np.asarray(picture)
        colours = np.asarray(picture.convert("RGBA"), np.float32) / np.float32(255)
    except (OSError, SyntaxError, ValueError) as problem:
        raise file.error(
            f"pixels are missing or damaged ({problem})", "Write the file again; it may still be copying or rendering"
        ) from None
    present = [int(index) for index in np.flatnonzero(np.bincount(indices.ravel(), minlength=256))]
    picks = file.picks(lambda selector: file.default_name if is_colour(selector) else selector)
    if picks and all(is_colour(selector) for selector in picks.values()):
        return read_colours(file, picks, colours, header)
    if not picks and (soft := _soft(colours, len(present))) is not None:
        return {file.default_name: file.fit(file.default_name, soft, header)}
    if not picks and len(present) > MOST_COLOURS:
        raise file.error(
            f"the palette picture uses {len(present)} indices, which cannot all be objects",
            "Save a soft matte as a grey or RGBA picture, or name the indices that are objects",
        )
    picks = picks or {str(index): str(index) for index in present if index not in (0, VOID)}
    if not picks:
        raise file.error("the matte is empty: every pixel is background", "Check the frame, or leave this keyframe out")
    mattes = {}
    for name, selector in picks.items():
        if not selector.isdecimal() or int(selector) not in present:
            raise file.unknown("index", selector, [str(index) for index in present if index])
        mattes[name] = file.fit(name, (indices == int(selector)).astype(np.float32), header)
    return mattes


def read_colours(
    file: KeyframeFile, picks: dict[str, str], pixels: NDArray[np.float32], header: ImageHeader
) -> dict[str, Matte]:
    """Read the objects of an ID picture by their colours; alpha, where there is one, is their soft edge.

    Colours must be exact to 8 bits. Flat colours that were not picked belong to other objects. Pixels of colours that
    have no flat area at all are mixtures at an anti-aliased edge, which belong to nobody: they are refused.

    Args:
        file: The file.
        picks: Object names and their colours, ``#rrggbb``.
        pixels: ``(H, W, 3 or 4)`` in [0, 1], colours not multiplied by alpha.
        header: The file's header.

    Raises:
        KeyframeError: A colour is absent, or edges are anti-aliased.
    """
    codes = _codes(pixels)
    flat = flat_colours(pixels)
    wanted = {name: np.uint32(int(selector[1:], 16)) for name, selector in picks.items()}
    for name, code in wanted.items():
        if not (codes == code).any():
            raise file.unknown("colour", picks[name].lower(), flat)
    known = [*wanted.values(), *(np.uint32(int(colour[1:], 16)) for colour in flat), np.uint32(0)]
    mixed = int(np.count_nonzero(~np.isin(codes, np.array(known, np.uint32))))
    if mixed:
        raise file.error(
            f"{mixed} pixels lie between the flat colours of the ID picture",
            "Render it without anti-aliasing and filtering, or give each object a matte of its own, "
            f"or name every colour. Its flat colours are: {listed(flat)}",
        )
    alpha = pixels[..., 3] if pixels.shape[-1] == 4 else np.float32(1)
    return {name: file.fit(name, (codes == code) * alpha, header) for name, code in wanted.items()}


def flat_colours(pixels: NDArray[np.float32]) -> list[str]:
    """Return the colours that fill an area, ``#rrggbb``, the largest first, without black.

    A pixel whose four neighbours have its own colour lies inside an area; anti-aliasing leaves no such pixels.

    Args:
        pixels: ``(H, W, 3 or 4)`` in [0, 1].
    """
    codes = _codes(pixels)
    centre = codes[1:-1, 1:-1]
    inside = (centre == codes[:-2, 1:-1]) & (centre == codes[2:, 1:-1])
    inside &= (centre == codes[1:-1, :-2]) & (centre == codes[1:-1, 2:])
    found, counts = np.unique(centre[inside], return_counts=True)
    by_area = found[np.argsort(-counts, kind="stable")]
    return [f"#{int(code):06x}" for code in by_area if code not in (0, _MIXED)]


def colours_error(file: KeyframeFile, pixels: NDArray[np.float32]) -> KeyframeError:
    """Return the error that asks what the colours of a picture mean."""
    flat = flat_colours(pixels)
    if 0 < len(flat) <= MOST_COLOURS:
        fix = f"Name its objects by their colours, such as hero: '{flat[0]}'. Its flat colours are: {listed(flat)}"
        return file.error("the picture is coloured, and no colour of it has an object's name", fix)
    fix = f"Choose a channel, such as {file.path.name}:R, or save the matte as grey or alpha"
    return file.error("the picture is coloured: it does not say what the matte is", fix)


def _codes(pixels: NDArray[np.float32]) -> NDArray[np.uint32]:
    """Return each pixel's 8-bit colour as one number; black where alpha is 0."""
    levels = np.nan_to_num(pixels[..., :3]).clip(0, 1) * np.float32(255)
    whole = np.rint(levels)
    red, green, blue = np.moveaxis(whole.astype(np.uint32), -1, 0)
    codes: NDArray[np.uint32] = (red << 16) | (green << 8) | blue
    codes[(np.abs(levels - whole) > 0.01).any(axis=-1)] = _MIXED
    if pixels.shape[-1] == 4:
        codes[pixels[..., 3] == 0] = 0
    return codes


def _soft(colours: NDArray[np.float32], used: int) -> Matte | None:
    """Return the soft matte that a palette picture really is, if it is one."""
    alpha = colours[..., 3]
    if ((alpha > 0) & (alpha < 1)).any():
        return alpha
    red, green, blue = colours[..., 0], colours[..., 1], colours[..., 2]
    if used > 2 and (red == green).all() and (green == blue).all() and red.max() > 0.5:
        return red
    return None
