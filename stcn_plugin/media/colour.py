"""Plate colours to what the network was trained on: display-referred sRGB, 0 to 1, without a tone map.

Two spaces are known by definition and need no config: sRGB, which stays as it is, and linear Rec.709, which takes the
sRGB curve. All others go through OCIO to whichever of the two the config has.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import OpenImageIO as oiio  # noqa: N813 - the name its documentation uses
from numpy.typing import NDArray

from stcn_plugin import environment
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
_NUKE_LINEAR = "linear"  # of any primaries, where a config knows it
_TONE_MAPPED = "Output - sRGB"  # ACES 1 configs: sRGB as it is shown, after a tone map
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
_BAND_ROWS = 32  # lines worked on at once: what lies between two steps stays in the processor's cache


class ColourTransform:
    """Converts plates to display sRGB; one may serve several threads.

    Args:
        config: OCIO config file, or a built-in one such as ``ocio://studio-config-latest``; ``auto`` is ``$OCIO``
            where it is set, else the built-in ``ocio://default``.
        input: Colour space of the plate, by any name, alias or role of the config. ``auto`` believes the file where
            the config knows what it says; else float files are scene-linear Rec.709 and the others sRGB.
        highlights: ``compress`` rolls values off from 0.8 towards 1, ``clip`` cuts them at 1. Plates that are sRGB
            already are never compressed.

    Raises:
        ColourError: The config cannot be read, has no such space, or has no way to sRGB.
    """

    def __init__(
        self,
        config: str = "auto",
        input: str = "auto",  # noqa: A002 - the name of the setting
        highlights: Literal["compress", "clip"] = "compress",
    ) -> None:
        self.config = (environment.OCIO.value() or _BUILT_IN) if config == "auto" else config
        if "://" not in self.config:
            self.config = str(Path(self.config).expanduser())
        self.highlights = highlights
        self._catalogue = OCIOConfig(self.config)
        find = self._catalogue.first
        linear = find(_LINEAR) or (None if find(_SRGB) else find((_NUKE_LINEAR,)))
        self._target = linear or find((*_SRGB, _TONE_MAPPED)) or self._catalogue.srgb_by_role()
        self._target_is_linear = linear is not None
        self._input = None if input == "auto" else self._checked(input)

    def to_display(
        self, pixels: NDArray[np.float32], *, is_float: bool, file_colour_space: str | Encoding | None
    ) -> NDArray[np.float32]:
        """Convert pixels to display-referred sRGB.

        NaN becomes 0, as do negative values; +Inf becomes the largest value that its colour space can hold.

        Args:
            pixels: ``(h, w, 3)`` float32; integer formats as value / maximum.
            is_float: Whether the file stores floating point.
            file_colour_space: What the file says its colours are; ``None`` where it says nothing.

        Returns:
            ``(h, w, 3)`` float32, 0 to 1; a new array.

        Raises:
            ColourError: OCIO cannot convert, for a file that the config needs is missing.
        """
        space = self._source(file_colour_space, is_float=is_float)
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
        """Return what should be told of a file's colours: what it says and the config does not know, or cannot be true.

        Args:
            file_colour_space: As for `to_display`.
            is_float: As for `to_display`.

        Returns:
            A sentence with what is done instead; ``None`` where the file is believed, or ``input`` is set.
        """
        if self._input or file_colour_space is None:
            return None
        said = Encoding("", name=file_colour_space) if isinstance(file_colour_space, str) else file_colour_space
        known = said.name is not None and self._resolve(said.name) is not None
        warnings = [said.warning] if said.warning else []
        if said.name and not known:
            warnings.append(
                f"the file says that its colours are '{printable(said.name)[:80]}', which the OCIO config does not know"
            )
        if not warnings:
            return None
        space = self._source(file_colour_space, is_float=is_float)
        if isinstance(space, Encoding):
            taken = f"the colours are taken as {space.source} says"
        else:
            taken = f"the colours are taken as {_SPACE_LABELS.get(space, space)}"
        return f"{'; '.join(warnings)}; {taken}. Set colour.input to the plate's colour space."

    def _source(self, said: str | Encoding | None, *, is_float: bool) -> str | Encoding:
        """Return what pixels are converted from: a space, or numbers that the file gives."""
        if self._input:
            return self._input
        name = said.name if isinstance(said, Encoding) else said
        if name and (known := self._resolve(name)):
            return known
        if isinstance(said, Encoding) and said.is_usable:
            return said
        return _LINEAR[0] if is_float else _SRGB[0]

    def _is_beyond_white(self, space: str | Encoding) -> bool:
        """Whether the brightest that integers hold is brighter than display white, as in a log space."""
        white = np.ones((1, 1, 3), np.float32)
        return float(self._convert(white, space, is_float=False)[0].max()) > 1.001

    def _convert(
        self, pixels: NDArray[np.float32], space: str | Encoding, *, is_float: bool
    ) -> tuple[NDArray[np.float32], bool]:
        """Convert to linear Rec.709 or to sRGB, tamed; return whether it is linear."""
        if isinstance(space, Encoding):
            return sanitise(np.array(space.to_linear(pixels, is_float=is_float))), True
        if space == _LINEAR[0]:
            return pixels, True
        return self._convert_by_ocio(pixels, space), self._target_is_linear

    def _checked(self, name: str) -> str:
        """Return what a name means, proven by one pixel."""
        space = self._resolve(name)
        if space is None:
            raise ColourError(
                f"the OCIO config has no colour space '{name}'",
                where=self.config,
                fix=f"Set colour.input to one of its names: {self._catalogue.near(name)}",
                setting="colour.input",
            )
        if space not in {_LINEAR[0], _SRGB[0]}:
            self._convert_by_ocio(np.zeros((1, 1, 3), np.float32), space)
        return space

    def _resolve(self, name: str) -> str | None:
        """Return sRGB or linear Rec.709 by their first spelling, a space of the config, or ``None``."""
        known = self._catalogue.find(name)
        if known and self._catalogue.is_data(known):
            return _SRGB[0]  # "Raw" asks for no conversion
        meant = (known or name).casefold()
        if meant in _folded(_LINEAR) or (meant == _NUKE_LINEAR and not known):
            return _LINEAR[0]
        if meant in _folded((*_SRGB, _TONE_MAPPED)):
            return _SRGB[0]
        if known:
            return known
        family = next((spellings for spellings in _OTHER_SPACES if name.casefold() in _folded(spellings)), ())
        return self._catalogue.first(family)

    def _convert_by_ocio(self, pixels: NDArray[np.float32], space: str) -> NDArray[np.float32]:
        """Convert to the config's linear Rec.709 or sRGB; tamed, without an upper bound."""
        if self._target is None:
            raise ColourError(
                "the OCIO config has neither a linear Rec.709 nor an sRGB colour space to convert to",
                where=self.config,
                fix="Give its sRGB space the alias srgb_display, or set colour.config to ocio://default",
                setting="colour.config",
            )
        if not self._catalogue.is_linear(space):
            pixels = sanitise(pixels, LOG_CEILING)
        # The default config keeps its conversions only where no config is named, not even by "".
        config = ("", "", self._catalogue.handle) if self._catalogue.handle else ()
        converted = oiio.ImageBufAlgo.colorconvert(oiio.ImageBuf(pixels), space, self._target, False, *config)
        if converted.has_error:
            raise ColourError(
                f"OCIO cannot convert from '{space}' to '{self._target}' ({converted.geterror().strip().rstrip('.')})",
                where=self.config,
                fix="Check that the config's own files are beside it, or set colour.input to another space",
            )
        return sanitise(np.asarray(converted.get_pixels(oiio.FLOAT), dtype=np.float32).reshape(pixels.shape))


def encode_srgb(linear: NDArray[np.float32]) -> NDArray[np.float32]:
    """Apply the sRGB curve (IEC 61966-2-1) to values of 0 and more; it goes on above 1."""
    curve = np.float32(1.055) * linear ** np.float32(1 / 2.4) - np.float32(0.055)
    encoded: NDArray[np.float32] = np.where(linear <= np.float32(0.0031308), linear * np.float32(12.92), curve)
    return encoded


def compress_highlights(display: NDArray[np.float32]) -> NDArray[np.float32]:
    """Roll display values off above 0.8 so that they approach 1 and never pass it; the slope is 1 where it begins."""
    room = np.float32(1) - _SHOULDER
    above = np.maximum(display - _SHOULDER, np.float32(0))
    rolled: NDArray[np.float32] = np.where(display <= _SHOULDER, display, np.float32(1) - room * np.exp(-above / room))
    return rolled


def _clip(display: NDArray[np.float32]) -> NDArray[np.float32]:
    np.minimum(display, np.float32(1), out=display)
    return display


def _folded(names: tuple[str, ...]) -> frozenset[str]:
    return frozenset(name.casefold() for name in names)
