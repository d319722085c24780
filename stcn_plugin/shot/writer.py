"""Saves a shot as a shot file: its keys, and the settings that differ from its preset."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml
from pydantic import BaseModel

from stcn_plugin.atomic import Outputs
from stcn_plugin.bridge.files import expanded
from stcn_plugin.config.layers import Origin
from stcn_plugin.config.yaml_source import Key, Value, parse_value
from stcn_plugin.errors import OutputError, PresetError
from stcn_plugin.presets.library import is_file_name
from stcn_plugin.presets.resolve import absolute, load_preset
from stcn_plugin.shot.model import Keyframe, ObjectSpan, Shot

_FILES = {("weights",), ("colour", "config"), ("overlay", "folder")}
"""Settings that may be paths."""

_HEADER = "# A shot as it was last propagated."
"""First line of saved files."""


def save_shot(
    shot: Shot,
    path: str | Path,
    *,
    search_path: Sequence[Path] | None = None,
    outputs: Outputs | None = None,
) -> Path:
    """Write a shot file that loads as the same shot. The file is complete or absent.

    Args:
        shot: The shot. Of its settings, those that differ from its preset are written.
        path: The file. An existing one is replaced if it was saved by this function.
        search_path: The studio's preset folders; ``None`` uses those of ``STCN_PRESET_PATH``.
        outputs: Writes the file, never over the files that it protects.

    Returns:
        The file, as an absolute path.

    Raises:
        PresetError: The preset is missing or invalid, or the name is not that of a YAML file.
        OutputError: The file cannot be written, or was written by hand.
    """
    target = expanded(path, error=PresetError).absolute()
    if target.suffix not in (".yaml", ".yml"):
        fix = f"Name it {target.name}.yaml"
        raise PresetError("a shot is saved as a file that ends in .yaml", where=str(path), fix=fix)
    if _is_handmade(target):
        raise OutputError(
            "this shot file was not saved by stcn_plugin, and its comments would be lost",
            where=str(path),
            fix="Save under another name, such as " + target.with_suffix(f".v2{target.suffix}").name,
        )
    text = shot_yaml(shot, target, search_path=search_path)
    (outputs or Outputs()).write(target, text.encode("utf-8"))
    return target


def _is_handmade(path: Path) -> bool:
    """Return whether a file exists that was not saved by `save_shot`."""
    try:
        with path.open("rb") as file:
            return file.read(len(_HEADER)) != _HEADER.encode()
    except OSError:  # missing, or writing it reports the error
        return False


def shot_yaml(shot: Shot, path: Path, *, search_path: Sequence[Path] | None = None) -> str:
    """Return a shot as the text of a shot file.

    Paths below the file's folder are relative, so that the folder can be moved.

    Args:
        shot: The shot.
        path: Absolute path of the file.
        search_path: As for `save_shot`.

    Raises:
        PresetError: The preset is missing or invalid.
    """
    folder = path.parent
    data: dict[Key, Value] = {"extends": _extended(shot.preset, folder)}
    if shot.description is not None:
        data["description"] = shot.description
    data["plate"] = _relative(shot.plate, folder)
    if shot.range is not None:
        data["range"] = shot.range
    data["keyframes"] = _keyframes(shot.keyframes, folder)
    if shot.objects:
        data["objects"] = {name: _object(span) for name, span in shot.objects.items()}
    data["out"] = _relative(shot.out, folder)
    base = load_preset(shot.preset, search_path=search_path)
    if base.overlay.folder is not None:  # relative to the shot file, wherever the preset is
        overlays = absolute(base.overlay.folder, Origin(str(path), folder=folder))
        base = base.model_copy(update={"overlay": base.overlay.model_copy(update={"folder": overlays})})
    data |= _difference(shot.settings, base, folder)
    body = yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=float("inf"))
    return f"{_HEADER} Run it: stcn propagate {shlex.quote(path.name)}\n{body}"


def _difference(settings: BaseModel, base: BaseModel, folder: Path, at: tuple[str, ...] = ()) -> dict[Key, Value]:
    """Return the settings that differ from the base, as nested keys."""
    found: dict[Key, Value] = {}
    for key, value in settings:
        path, below = (*at, key), getattr(base, key)
        if value == below:
            continue
        if isinstance(value, BaseModel):
            found[key] = _difference(value, below, folder, path)
        elif path in _FILES and value is not None and Path(value).is_absolute():
            found[key] = _relative(value, folder)
        else:
            found[key] = _written(path, value)
    return found


def _written(path: tuple[str, ...], value: Value) -> Value:
    """Return a setting as people write it: ``all`` for no limit, a size in pixels as a number."""
    if path in (("memory", "top_k"), ("memory", "max_frames")) and value is None:
        return "all"
    return int(value) if path == ("size",) and isinstance(value, str) and value.isdecimal() else value


def _keyframes(keyframes: Sequence[Keyframe], folder: Path) -> Value:
    by_frame: dict[int, list[Value]] = {}
    for keyframe in keyframes:
        file = _relative(str(keyframe.file), folder)
        text = file if keyframe.selector is None else f"{file}:{keyframe.selector}"
        form: Value = text if keyframe.objects is None else {"file": text, "objects": _plain(keyframe.objects)}
        by_frame.setdefault(keyframe.frame, []).append(form)
    return {frame: forms[0] if len(forms) == 1 else forms for frame, forms in by_frame.items()}


def _object(span: ObjectSpan) -> Value:
    """Return an object: its ranges alone if it has no settings of its own."""
    if not span.matte_keys:
        return span.range
    data: dict[Key, Value] = {} if span.range is None else {"range": span.range}
    data["matte"] = {key: value for key, value in span.matte_keys.items()}  # noqa: C416 - dict() keeps the type of its keys
    return data


def _plain(objects: Mapping[str, str | int]) -> Value:
    return dict(objects.items())


def _extended(preset: str, folder: Path) -> str:
    """Return a preset for the ``extends`` of a file in another folder."""
    if not is_file_name(preset):
        return preset
    text = _relative(absolute(preset, None), folder)
    return text if is_file_name(text) else f"./{text}"  # otherwise it would be the name of a preset


def _relative(text: str, folder: Path) -> str:
    """Return a path relative to a folder that contains it; other paths unchanged. Links are not resolved."""
    path = Path(text)
    if not path.is_relative_to(folder):
        return text
    inside = str(path.relative_to(folder))
    return f"./{inside}" if inside.startswith("~") else inside  # otherwise it would be a home folder


class _Dumper(yaml.SafeDumper):
    """Quotes text that `plain_value` would not read as text, such as ``1e5``."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if _stays(text) else "'")


def _stays(text: str) -> bool:
    """Return whether unquoted text is read as this text."""
    try:
        return parse_value(text) == text
    except PresetError:
        return False


_Dumper.add_representer(str, _text)
