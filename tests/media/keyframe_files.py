"""Helpers that write small keyframes, and read them or return the error."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from media.picture_files import noise, write
from PIL import Image as Pillow

from stcn_plugin.errors import KeyframeError
from stcn_plugin.media.keyframes import read_keyframe
from stcn_plugin.media.window import Window

DISPLAY = Window(0, 0, 20, 12)
RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def save(path: Path, array: np.ndarray, mode: str | None = None) -> Path:
    """Write an image by Pillow."""
    Pillow.fromarray(array, mode).save(path) if mode else Pillow.fromarray(array).save(path)
    return path


def exr(
    path: Path, *channels: str, values: np.ndarray | None = None, **more: Any
) -> tuple[Path, dict[str, np.ndarray]]:
    """Write an EXR of noise or given values; return it and its channels. ``more`` as for `picture_files.spec_of`."""
    pixels = noise(12, 20, len(channels)) if values is None else values
    write(path, pixels, "half", channels, **more)
    return path, {name: pixels[..., index] for index, name in enumerate(channels)}


def read(path: Path, display: Window = DISPLAY, window: Window | None = None, **wanted: Any) -> dict[str, np.ndarray]:
    """Read a keyframe at frame 1001 over the format, or over a window."""
    return dict(read_keyframe(path, frame=1001, window=window or display, display=display, **wanted).mattes)


def empties(path: Path, **wanted: Any) -> tuple[tuple[str, ...], bool]:
    """Return the objects of a keyframe without mattes that are empty, and whether it is blank and names none."""
    found = read_keyframe(path, frame=1001, window=DISPLAY, display=DISPLAY, **wanted)
    assert not found.mattes
    return found.empty, found.is_blank


def refusal(path: Path, **wanted: Any) -> str:
    """Return the error, and check that it starts with file and frame."""
    with pytest.raises(KeyframeError) as caught:
        read(path, **wanted)
    assert str(caught.value).startswith(f"{path}, frame 1001: ")
    assert caught.value.fix
    return str(caught.value)


def same(found: Mapping[str, np.ndarray], expected: Mapping[str, np.ndarray]) -> None:
    """Check names, order and exact values."""
    assert list(found) == list(expected)
    for name, matte in expected.items():
        assert found[name].dtype == np.float32
        np.testing.assert_array_equal(found[name], matte)
