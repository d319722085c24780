"""Load a shot file, or make a shot from arguments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from stcn_plugin.config.layers import Layer, override_layer, value_layer
from stcn_plugin.presets.model import SHOT_KEYS
from stcn_plugin.shot.layers import KeyframeForm, ShotLayers, SpanForm, keyframes_layer, keys_layer
from stcn_plugin.shot.model import Shot


def load_shot(path: str | Path, *, overrides: Sequence[str] = (), search_path: Sequence[Path] | None = None) -> Shot:
    """Load a shot file with the preset it extends.

    Args:
        path: The YAML file. Relative paths in it start at its folder.
        overrides: Overrides of its keys, such as ``memory.interval=3`` or ``range=1001-1010``.
        search_path: The studio's preset folders; ``None`` uses those of ``STCN_PRESET_PATH``.

    Raises:
        PresetError: The file is missing or invalid. Lists every problem with its file and line.
    """
    return ShotLayers.read(Path(path), override_layer(overrides), search_path=search_path).shot()


def make_shot(
    *,
    plate: str | Path,
    keyframes: Mapping[int, KeyframeForm],
    out: str | Path,
    range: str | int | None = None,  # noqa: A002 - the key of the shot file
    objects: Mapping[str, SpanForm | None] | None = None,
    preset: str | Path = "default",
    overrides: Sequence[str] = (),
    search_path: Sequence[Path] | None = None,
) -> Shot:
    """Make a shot from arguments. Relative paths start at the current folder.

    Args:
        plate: Frame pattern of the footage.
        keyframes: Frame number to a file, a mapping with ``file`` and ``objects``, or a list of these.
        out: Frame pattern of the mattes.
        range: Frames to matte; ``None`` for all frames of the plate.
        objects: Object name to its frame range, or to a list of ranges; ``None`` for the whole shot. A single name also
            applies to keyframe files without object names.
        preset: A preset's name or file.
        overrides: Settings that override the preset, such as ``memory.interval=3``.
        search_path: The studio's preset folders; ``None`` uses those of ``STCN_PRESET_PATH``.

    Raises:
        PresetError: An argument or the preset is invalid. Names the argument, or file and line.
    """
    above = [
        keys_layer(plate=plate, out=out, range=range, objects=objects or {}),
        value_layer(("keyframes",), {}, "keyframes"),
        keyframes_layer(keyframes),
        override_layer(overrides),
    ]
    return ShotLayers.without_file(Layer.stacked(above), preset=preset, search_path=search_path).shot()


def is_shot_file(path: str | Path, *, search_path: Sequence[Path] | None = None) -> bool:
    """Return whether a file is a shot file, not a preset, by its keys and those of files that it extends.

    Raises:
        PresetError: The file is not found or not YAML.
    """
    layer = ShotLayers.read(Path(path), Layer(), search_path=search_path).layer
    return any(key in layer.data for key in SHOT_KEYS)
