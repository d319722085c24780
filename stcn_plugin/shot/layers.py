"""A shot as layers of YAML: presets, its file, and the overrides of flags or a host."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import TypeAlias

from stcn_plugin.bridge.files import expanded
from stcn_plugin.config.layers import Layer, Origin, value_layer
from stcn_plugin.config.problems import Problem, validated
from stcn_plugin.config.yaml_source import KeyPath, Value, read_yaml
from stcn_plugin.errors import PresetError
from stcn_plugin.presets.library import is_file_name, preset_folders
from stcn_plugin.presets.model import SHOT_KEYS, Preset
from stcn_plugin.presets.path_checks import preset_problems
from stcn_plugin.presets.resolve import absolute, absolute_files, find, stack
from stcn_plugin.shot.checks import file_problems, length_and_padding_problems, path_problems
from stcn_plugin.shot.model import Keyframe, Shot, ShotFile
from stcn_plugin.shot.selector import split_selector

SpanForm: TypeAlias = str | int | Sequence[str | int]
KeyframeForm: TypeAlias = str | Path | Mapping[str, object] | Sequence["KeyframeForm"]


@dataclass(frozen=True)
class ShotLayers:
    """A shot before validation.

    Args:
        layer: All layers, stacked.
        preset: The preset at the bottom: a name, or an absolute path.
        path: The shot file; ``None`` for a shot made of arguments.
        problems: Files that could not be extended.
    """

    layer: Layer
    preset: str
    path: Path | None = None
    problems: tuple[PresetError, ...] = ()

    @classmethod
    def read(cls, path: Path, above: Layer, *, search_path: Sequence[Path] | None = None) -> ShotLayers:
        """Read a shot file and the files that it extends, each once.

        Args:
            path: The shot file.
            above: Overrides of its keys and settings.
            search_path: As for `load_shot`.

        Raises:
            PresetError: The file is not found or not YAML.
        """
        stacked = stack(read_yaml(path), above, preset_folders(search_path))
        return cls(stacked.layer, stacked.preset, stacked.files[0], stacked.problems)

    @classmethod
    def without_file(
        cls, above: Layer, *, preset: str | Path, where: str = "preset", search_path: Sequence[Path] | None = None
    ) -> ShotLayers:
        """Stack the keys of a shot on a preset.

        Args:
            above: The keys and settings.
            preset: A preset's name or file.
            where: Where the preset was chosen, for the error.
            search_path: As for `load_shot`.

        Raises:
            PresetError: The preset is not found or not YAML.
        """
        folders = preset_folders(search_path)
        stacked = stack(find(preset, folders, where=where), Layer(), folders)
        name = absolute(str(preset), None) if isinstance(preset, Path) or is_file_name(preset) else preset
        below = stacked.layer.without((*SHOT_KEYS, "description"))
        return cls(above.over(below), name, None, stacked.problems)

    def over(self, above: Layer) -> ShotLayers:
        """Return the shot with another layer on top."""
        return replace(self, layer=above.over(self.layer))

    @property
    def keyframe_frames(self) -> frozenset[int]:
        """Frames that have keyframes; invalid ones are left out."""
        keyframes = self.layer.data.get("keyframes")
        frames = keyframes if isinstance(keyframes, dict) else ()
        return frozenset(frame for frame in frames if isinstance(frame, int))

    def shot(self) -> Shot:
        """Validate the layers and return the shot.

        Raises:
            PresetError: The shot is invalid. Lists every problem with its origin.
        """

        def problems(data: ShotFile) -> Iterator[Problem]:
            yield from preset_problems(data)
            yield from file_problems(data)
            shot = self._shot(data)
            yield from length_and_padding_problems(shot)
            yield from path_problems(shot)

        subject = str(self.path) if self.path else "the shot"
        return self._shot(validated(ShotFile, self.layer, subject, found=self.problems, check=problems))

    def _shot(self, data: ShotFile) -> Shot:
        layer = self.layer
        settings = layer.without(SHOT_KEYS).origins.items()
        return Shot(
            plate=absolute(data.plate, layer.origin(("plate",))),
            range=data.range,
            keyframes=tuple(_keyframes(data, layer)),
            objects=data.objects,
            out=absolute(data.out, layer.origin(("out",))),
            settings=_with_overlay_folder(absolute_files(data.settings, layer), layer, self.path),
            description=data.description,
            preset=self.preset,
            path=self.path.absolute() if self.path else None,
            origins={".".join(map(str, path)): str(origin) for path, origin in settings},
        )


def keys_layer(
    *,
    plate: str | Path | None,
    out: str | Path | None,
    range: str | int | None,  # noqa: A002 - the key of the shot file
    objects: Mapping[str, SpanForm | None],
    origins: Mapping[str, str] = MappingProxyType({}),
) -> Layer:
    """Return the keys of a shot as a layer; those that are ``None`` are left out.

    Args:
        plate: Frame pattern of the plate.
        out: Frame pattern of the mattes.
        range: Frames to matte.
        objects: Object name to its frame range or ranges.
        origins: Key to where the user set it, for error messages; by default the key itself.
    """
    values = {"plate": plate, "range": range, "out": out}
    layers = [
        value_layer((key,), _plain_value(value), origins.get(key, key))
        for key, value in values.items()
        if value is not None
    ]
    origin = origins.get("objects", "object")
    layers += [_object_layer(name, _plain_value(span), f"{origin} {name}") for name, span in objects.items()]
    return Layer.stacked(layers)


def _object_layer(name: str, span: Value, source: str) -> Layer:
    """Return the range of an object as a group, so that matte settings of the object in lower layers stay."""
    paths: list[KeyPath] = [("objects",), ("objects", name), ("objects", name, "range")]
    return Layer({"objects": {name: {"range": span}}}, {path: Origin(source, names=path) for path in paths})


def keyframes_layer(keyframes: Mapping[int, KeyframeForm], *, origin: str = "keyframe") -> Layer:
    """Return keyframes as a layer.

    Args:
        keyframes: As for `make_shot`.
        origin: Where the user set them, for error messages.
    """
    return Layer.stacked(
        value_layer(("keyframes", frame), _plain(form), f"{origin} {frame}") for frame, form in keyframes.items()
    )


def _keyframes(data: ShotFile, layer: Layer) -> Iterator[Keyframe]:
    for frame, files in sorted(data.keyframes.items()):
        for each in files:
            name, selector = split_selector(each.file)
            file = Path(absolute(name, layer.origin(("keyframes", frame, "file"))))
            yield Keyframe(frame=frame, file=file, selector=selector, objects=each.objects)


def _with_overlay_folder(settings: Preset, layer: Layer, path: Path | None) -> Preset:
    """Make the overlay folder absolute: relative to the shot, wherever the preset is."""
    folder = settings.overlay.folder
    if folder is None:
        return settings
    origin = layer.origin(("overlay", "folder"))
    by_flag = origin is None or origin.line is None
    start = Path.cwd() if by_flag or path is None else path.parent.absolute()
    overlay = settings.overlay.model_copy(update={"folder": str(start / expanded(folder, error=PresetError))})
    return settings.model_copy(update={"overlay": overlay})


def _plain(form: KeyframeForm) -> Value:
    """Return a keyframe as YAML values."""
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
