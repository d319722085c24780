"""Load a shot file, or make the same shot of arguments."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from stcn_plugin.config.layers import Layer, override_layer, value_layer
from stcn_plugin.config.problems import Problem, validated
from stcn_plugin.config.yaml_source import Value, read_yaml
from stcn_plugin.errors import PresetError
from stcn_plugin.presets.library import preset_folders
from stcn_plugin.presets.model import SHOT_KEYS, Preset
from stcn_plugin.presets.path_checks import preset_problems
from stcn_plugin.presets.resolve import absolute, absolute_files, find, stack
from stcn_plugin.shot.checks import file_problems, length_and_padding_problems, path_problems
from stcn_plugin.shot.model import Keyframe, Shot, ShotFile
from stcn_plugin.shot.selector import split_selector

KeyframeForm: TypeAlias = str | Path | Mapping[str, object] | Sequence["KeyframeForm"]


def load_shot(path: str | Path, *, overrides: Sequence[str] = (), search_path: Sequence[Path] | None = None) -> Shot:
    """Load a shot file with the preset it extends.

    Args:
        path: The YAML file; relative paths in it start at its folder.
        overrides: Keys over those of the file, such as ``memory.interval=3`` or ``range=1001-1010``.
        search_path: The studio's preset folders; ``None`` takes those of ``STCN_PRESET_PATH``.

    Raises:
        PresetError: The file is not found or wrong; lists every problem with its file and line.
    """
    stacked = stack(read_yaml(Path(path)), override_layer(overrides), preset_folders(search_path))
    return _shot(stacked.layer, stacked.files[0], stacked.problems)


def make_shot(
    *,
    plate: str | Path,
    keyframes: Mapping[int, KeyframeForm],
    out: str | Path,
    range: str | int | None = None,  # noqa: A002 - the key of the shot file
    objects: Mapping[str, str | None] | None = None,
    preset: str | Path = "default",
    overrides: Sequence[str] = (),
    search_path: Sequence[Path] | None = None,
) -> Shot:
    """Make a shot without a shot file; relative paths start at the current folder.

    Args:
        plate: Frame pattern of the footage.
        keyframes: Frame number to what a shot file has there: a file, a mapping with ``file`` and ``objects``, or a
            list of those.
        out: Frame pattern of the mattes.
        range: Frames to matte; ``None`` takes all frames of the plate.
        objects: Object name to its frame range, for objects that enter late or leave early; ``None`` for one that does
            neither. A single name is also that of the object in keyframe files that name none.
        preset: A preset's name or file.
        overrides: Settings over those of the preset, such as ``memory.interval=3``.
        search_path: The studio's preset folders; ``None`` takes those of ``STCN_PRESET_PATH``.

    Raises:
        PresetError: An argument is wrong, or the preset; names the argument or the file and line.
    """
    given = [
        value_layer(("plate",), str(plate), "plate"),
        value_layer(("keyframes",), {}, "keyframes"),
        *(value_layer(("keyframes", frame), _plain(form), f"keyframe {frame}") for frame, form in keyframes.items()),
        value_layer(("out",), str(out), "out"),
    ]
    if range is not None:
        given.append(value_layer(("range",), range, "range"))
    given += [value_layer(("objects", name), span, f"object {name}") for name, span in (objects or {}).items()]
    folders = preset_folders(search_path)
    stacked = stack(find(preset, folders, where="preset"), Layer(), folders)
    layers = [stacked.layer.without((*SHOT_KEYS, "description")), *given, override_layer(overrides)]
    return _shot(Layer.stacked(layers), None, stacked.problems)


def is_shot_file(path: str | Path, *, search_path: Sequence[Path] | None = None) -> bool:
    """Tell a shot file from a preset by its keys, or by those of the shot file it extends.

    Raises:
        PresetError: The file is not found or not YAML.
    """
    layer = stack(read_yaml(Path(path)), Layer(), preset_folders(search_path)).layer
    return any(key in layer.data for key in SHOT_KEYS)


def keyframe_frames(path: str | Path, *, search_path: Sequence[Path] | None = None) -> tuple[int, ...]:
    """Return the frames that have keyframes in a shot file, or in one that it extends; what is wrong there is left out.

    Args:
        path: The YAML file.
        search_path: The studio's preset folders; ``None`` takes those of ``STCN_PRESET_PATH``.

    Raises:
        PresetError: The file is not found or not YAML.
    """
    layer = stack(read_yaml(Path(path)), Layer(), preset_folders(search_path)).layer
    said = layer.data.get("keyframes")
    return tuple(frame for frame in said if isinstance(frame, int)) if isinstance(said, dict) else ()


def _shot(layer: Layer, path: Path | None, found: Sequence[PresetError]) -> Shot:
    """Return the shot of a layer; all that is wrong with it is told at once, with what was found before."""

    def made(said: ShotFile) -> Shot:
        return Shot(
            plate=absolute(said.plate, layer.origin(("plate",))),
            range=said.range,
            keyframes=tuple(_keyframes(said, layer)),
            objects=said.objects,
            out=absolute(said.out, layer.origin(("out",))),
            settings=_with_overlay_folder(absolute_files(said.settings, layer), layer, path),
            description=said.description,
            path=path.absolute() if path else None,
        )

    def problems(said: ShotFile) -> Iterator[Problem]:
        yield from preset_problems(said)
        yield from file_problems(said)
        shot = made(said)
        yield from length_and_padding_problems(shot)
        yield from path_problems(shot)

    subject = str(path) if path else "the shot"
    return made(validated(ShotFile, layer, subject, found=found, check=problems))


def _keyframes(said: ShotFile, layer: Layer) -> list[Keyframe]:
    found = []
    for frame, files in sorted(said.keyframes.items()):
        for each in files:
            name, selector = split_selector(each.file)
            file = Path(absolute(name, layer.origin(("keyframes", frame, "file"))))
            found.append(Keyframe(frame=frame, file=file, selector=selector, objects=each.objects))
    return found


def _with_overlay_folder(settings: Preset, layer: Layer, path: Path | None) -> Preset:
    """Put overlays beside the shot, also where a preset in another folder asks for them."""
    folder = settings.overlay.folder
    if folder is None:
        return settings
    origin = layer.origin(("overlay", "folder"))
    by_flag = origin is None or origin.line is None
    start = Path.cwd() if by_flag or path is None else path.parent.absolute()
    overlay = settings.overlay.model_copy(update={"folder": str(start / os.path.expanduser(folder))})  # noqa: PTH111
    return settings.model_copy(update={"overlay": overlay})


def _plain(form: KeyframeForm) -> Value:
    """Return a keyframe as YAML would have it."""
    if isinstance(form, str | Path):
        return str(form)
    if isinstance(form, Mapping):
        return {key: _plain_value(value) for key, value in form.items()}
    return [_plain(each) for each in form]


def _plain_value(value: object) -> Value:
    if isinstance(value, Mapping):
        return {key if isinstance(key, int) else str(key): _plain_value(each) for key, each in value.items()}
    if isinstance(value, str | int | float | None):
        return value
    return [_plain_value(each) for each in value] if isinstance(value, list | tuple) else str(value)
