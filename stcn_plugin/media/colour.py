"""Converts plates to the network's colour space: display-referred sRGB, 0 to 1, without a tone map.

sRGB and linear Rec.709 need no OCIO config. All other spaces are converted by OCIO to whichever of the two the config
defines.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import OpenImageIO as oiio  # noqa: N813 - the name its documentation uses
from numpy.typing import NDArray

from stcn_plugin import environment
from stcn_plugin.bridge.files import expanded
from stcn_plugin.bridge.printable import printable
from stcn_plugin.errors import ColourError
from stcn_plugin.media.colour_encoding import Encoding
from stcn_plugin.media.ocio_config import OCIOConfig
from stcn_plugin.media.pixels import LOG_CEILING, sanitise

_BUILT_IN = "ocio://default"
_LINEAR = (
    "lin_rec709",
    "lin_rec709_scene",
    "lin_rec709_srgb",
    "lin_srgb",
    "Linear Rec.709 (sRGB)",  # ACES configs
    "Linear Rec.709",  # Blender
    "Utility - Linear - sRGB",  # ACES 1 configs
    "Utility - Linear - Rec.709",
)
_SRGB = (
    "sRGB - Display",  # ACES configs
    "srgb_display",
    "srgb_rec709_display",
    "sRGB",  # Blender, Nuke
    "sRGB Encoded Rec.709 (sRGB)",
    "srgb_rec709_scene",
    "sRGB - Texture",
    "srgb_texture",
    "srgb_tx",
    "Utility - sRGB - Texture",
    "Input - Generic - sRGB - Texture",
)
_NUKE_LINEAR = "linear"  # a config may define it with any primaries
_TONE_MAPPED = "Output - sRGB"  # ACES 1 configs: tone-mapped sRGB
_OTHER_SPACES = (
    ("lin_ap1_scene", "lin_ap1", "ACEScg", "ACES - ACEScg"),
    ("lin_ap0_scene", "lin_ap0", "ACES2065-1", "ACES - ACES2065-1"),
    ("lin_rec2020_scene", "lin_rec2020", "Linear Rec.2020", "Utility - Linear - Rec.2020"),
    ("lin_p3d65_scene", "lin_p3d65", "Linear P3-D65", "Utility - Linear - P3-D65"),
    ("KodakLog", "Printing density", "Cineon", "Log film scan"),
    ("ADX", "ADX10", "ADX - ADX10", "Input - ADX - ADX10"),
)
_SPACE_LABELS = {_LINEAR[0]: "scene-linear Rec.709", _SRGB[0]: "sRGB"}
_SHOULDER = np.float32(0.8)
_BAND_ROWS = 32  # rows converted together, few enough for intermediate results to stay in the CPU cache


class ColourTransform:
    """Converts plates to display sRGB. Thread-safe.

    Args:
        config: OCIO config file, or a built-in one such as ``ocio://studio-config-latest``; ``auto`` is ``$OCIO`` if
            set, otherwise the built-in ``ocio://default``.
        input: Colour space of the plate: a name, alias or role of the config. ``auto`` uses the colour space in the
            file if it is known; otherwise float files are scene-linear Rec.709 and integer files sRGB.
        highlights: ``compress`` rolls values off from 0.8 towards 1, ``clip`` clips them at 1. sRGB plates are never
            compressed.

    Raises:
        ColourError: The config cannot be read, or does not define the space or a conversion to sRGB.
    """

    def __init__(
        self,
        config: str = "auto",
        input: str = "auto",  # noqa: A002 - the name of the setting
        highlights: Literal["compress", "clip"] = "compress",
    ) -> None:
        self.config = (environment.OCIO.value() or _BUILT_IN) if config == "auto" else config
        if "://" not in self.config:
            self.config = str(expanded(self.config, error=ColourError))
        self.highlights = highlights
        self._ocio = OCIOConfig(self.config)
        find = self._ocio.first
        linear = find(_LINEAR) or (None if find(_SRGB) else find((_NUKE_LINEAR,)))
        self._target = linear or find((*_SRGB, _TONE_MAPPED)) or self._ocio.srgb_by_role()
        self._target_is_linear = linear is not None
        self._input = None if input == "auto" else self._checked_space(input)

    def to_display(
        self, pixels: NDArray[np.float32], *, is_float: bool, file_colour_space: str | Encoding | None
    ) -> NDArray[np.float32]:
        """Convert pixels to display-referred sRGB.

        NaN and negative values become 0; +Inf becomes the ceiling of its colour space.

        Args:
            pixels: ``(h, w, 3)`` float32; integer formats as value / maximum.
            is_float: Whether the file stores floating point.
            file_colour_space: Colour space in the file's metadata; ``None`` if it has none.

        Returns:
            ``(h, w, 3)`` float32, 0 to 1; a new array.

        Raises:
            ColourError: OCIO cannot convert, for example because a file of the config is missing.
        """
        space = self._source_space(file_colour_space, is_float=is_float)
        clean = sanitise(np.array(pixels, dtype=np.float32, order="C"))
        if space == _SRGB[0] or (isinstance(space, Encoding) and space.is_srgb(is_float=is_float)):
            return _clip(clean)
        compress = self.highlights == "compress" and (is_float or self._is_beyond_white(space))
        values, is_linear = self._convert(clean, space, is_float=is_float)
        for top in range(0, len(values), _BAND_ROWS):
            band = values[top : top + _BAND_ROWS]
            display = encode_srgb(band) if is_linear else band
            band[:] = compress_highlights(display) if compress else _clip(display)
        return values

    def warning(self, file_colour_space: str | Encoding | None, *, is_float: bool) -> str | None:
        """Return a warning if the file's colour metadata is unknown to the config or invalid.

        Args:
            file_colour_space: As for `to_display`.
            is_float: As for `to_display`.

        Returns:
            The problem and what is assumed instead; ``None`` if the metadata is used, or ``input`` is set.
        """
        if self._input or file_colour_space is None:
            return None
        encoding = Encoding("", name=file_colour_space) if isinstance(file_colour_space, str) else file_colour_space
        warnings = [encoding.warning] if encoding.warning else []
        if encoding.name and self._resolve(encoding.name) is None:
            warnings.append(
                f"the file names the colour space '{printable(encoding.name)[:80]}', which is not in the OCIO config"
            )
        if not warnings:
            return None
        space = self._source_space(file_colour_space, is_float=is_float)
        assumed = (
            f"{space.source} is used"
            if isinstance(space, Encoding)
            else f"{_SPACE_LABELS.get(space, space)} is assumed"
        )
        return f"{'; '.join(warnings)}; {assumed}. Set colour.input to the plate's colour space."

    def _source_space(self, from_file: str | Encoding | None, *, is_float: bool) -> str | Encoding:
        """Return the space or numeric encoding to convert from."""
        if self._input:
            return self._input
        name = from_file.name if isinstance(from_file, Encoding) else from_file
        if name and (known := self._resolve(name)):
            return known
        if isinstance(from_file, Encoding) and from_file.is_usable:
            return from_file
        return _LINEAR[0] if is_float else _SRGB[0]

    def _is_beyond_white(self, space: str | Encoding) -> bool:
        """Whether the largest integer value is brighter than display white, as in a log space."""
        white = np.ones((1, 1, 3), np.float32)
        return float(self._convert(white, space, is_float=False)[0].max()) > 1.001

    def _convert(
        self, pixels: NDArray[np.float32], space: str | Encoding, *, is_float: bool
    ) -> tuple[NDArray[np.float32], bool]:
        """Convert to linear Rec.709 or to sRGB, sanitised; return whether the result is linear."""
        if isinstance(space, Encoding):
            return sanitise(np.array(space.to_linear(pixels, is_float=is_float))), True
        if space == _LINEAR[0]:
            return pixels, True
        return self._convert_by_ocio(pixels, space), self._target_is_linear

    def _checked_space(self, name: str) -> str:
        """Resolve a name, and convert one pixel to check that OCIO can."""
        space = self._resolve(name)
        if space is None:
            raise ColourError(
                f"the OCIO config has no colour space '{name}'",
                where=self.config,
                fix=f"Set colour.input to one of its names: {self._ocio.close_matches(name)}",
                setting="colour.input",
            )
        if space not in {_LINEAR[0], _SRGB[0]}:
            self._convert_by_ocio(np.zeros((1, 1, 3), np.float32), space)
        return space

    def _resolve(self, name: str) -> str | None:
        """Return the first spelling of sRGB or linear Rec.709, the config's own name of a space, or ``None``."""
        known = self._ocio.find(name)
        if known and self._ocio.is_data(known):
            return _SRGB[0]  # "Raw" means no conversion
        folded = (known or name).casefold()
        if folded in _folded(_LINEAR) or (folded == _NUKE_LINEAR and not known):
            return _LINEAR[0]
        if folded in _folded((*_SRGB, _TONE_MAPPED)):
            return _SRGB[0]
        if known:
            return known
        family = next((spellings for spellings in _OTHER_SPACES if name.casefold() in _folded(spellings)), ())
        return self._ocio.first(family)

    def _convert_by_ocio(self, pixels: NDArray[np.float32], space: str) -> NDArray[np.float32]:
        """Convert to the config's linear Rec.709 or sRGB; sanitised, but not clipped at 1."""
        if self._target is None:
            raise ColourError(
                "the OCIO config has neither a linear Rec.709 nor an sRGB colour space to convert to",
                where=self.config,
                fix="Give its sRGB space the alias srgb_display, or set colour.config to ocio://default",
                setting="colour.config",
            )
        if not self._ocio.is_linear(space):
            pixels = sanitise(pixels, LOG_CEILING)
        # OpenImageIO caches conversions of the default config only if no config argument is passed, not even "".
        config = ("", "", self._ocio.handle) if self._ocio.handle else ()
        converted = oiio.ImageBufAlgo.colorconvert(oiio.ImageBuf(pixels), space, self._target, False, *config)
        if converted.has_error:
            raise ColourError(
                f"OCIO cannot convert from '{space}' to '{self._target}' ({converted.geterror().strip().rstrip('.')})",
                where=self.config,
                fix="Check that the files of the config are next to it, or set colour.input to another space",
            )
        return sanitise(np.asarray(converted.get_pixels(oiio.FLOAT), dtype=np.float32).reshape(pixels.shape))


def encode_srgb(linear: NDArray[np.float32]) -> NDArray[np.float32]:
    """Apply the sRGB curve (IEC 61966-2-1) to non-negative values; values above 1 are not clipped."""
    curve = np.float32(1.055) * linear ** np.float32(1 / 2.4) - np.float32(0.055)
    encoded: NDArray[np.float32] = np.where(linear <= np.float32(0.0031308), linear * np.float32(12.92), curve)
    return encoded


def compress_highlights(display: NDArray[np.float32]) -> NDArray[np.float32]:
    """Roll off display values above 0.8 so that they approach 1; the slope is continuous."""
    headroom = np.float32(1) - _SHOULDER
    above = np.maximum(display - _SHOULDER, np.float32(0))
    rolled_off = np.float32(1) - headroom * np.exp(-above / headroom)
    compressed: NDArray[np.float32] = np.where(display <= _SHOULDER, display, rolled_off)
    return compressed


def _clip(display: NDArray[np.float32]) -> NDArray[np.float32]:
    np.minimum(display, np.float32(1), out=display)
    return display


def _folded(names: tuple[str, ...]) -> frozenset[str]:
    return frozenset(name.casefold() for name in names)
