"""A shot as a file, so that it can be run or updated again: what differs from its preset, and all keys of the shot."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml
from pydantic import BaseModel

from stcn_plugin.atomic import Outputs
from stcn_plugin.config.layers import Origin
from stcn_plugin.config.yaml_source import Key, Value, parse_value
from stcn_plugin.errors import OutputError, PresetError
from stcn_plugin.presets.library import is_file_name
from stcn_plugin.presets.resolve import absolute, load_preset
from stcn_plugin.shot.model import Keyframe, Shot

_FILES = {("weights",), ("colour", "config"), ("overlay", "folder")}
"""Settings that may be a path."""

_HEADER = "# A shot as it was last propagated."
"""How every saved file begins."""


def save_shot(
    shot: Shot,
    path: str | Path,
    *,
    search_path: Sequence[Path] | None = None,
    outputs: Outputs | None = None,
) -> Path:
    """Write a shot file that loads as the same shot; it appears whole or not at all.

    Args:
        shot: The shot. Of its settings, those that differ from its preset are written.
        path: The file; one by that name is replaced where it was saved by this function too.
        search_path: The studio's preset folders; ``None`` takes those of ``STCN_PRESET_PATH``.
        outputs: Writes the file; by default with nothing that must not be written over.

    Returns:
        The file, as an absolute path.

    Raises:
        PresetError: The preset is not found or wrong, or the name is not that of a YAML file.
        OutputError: The file cannot be written, or is one that somebody wrote by hand.
    """
    target = Path(os.path.expanduser(path)).absolute()  # noqa: PTH111 - never raises
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
    """Tell whether there is a file that was not saved by `save_shot`."""
    try:
        with path.open("rb") as file:
            return file.read(len(_HEADER)) != _HEADER.encode()
    except OSError:  # there is none, or writing it will tell what is wrong
        return False


def shot_yaml(shot: Shot, path: Path, *, search_path: Sequence[Path] | None = None) -> str:
    """Return a shot as the text of a shot file.

    Paths beneath the file's folder are written relative to it, so that the folder can be moved as a whole.

    Args:
        shot: The shot.
        path: Where the file will be, absolute.
        search_path: As for `save_shot`.

    Raises:
        PresetError: The preset is not found or wrong.
    """
    folder = path.parent
    said: dict[Key, Value] = {"extends": _extended(shot.preset, folder)}
    if shot.description is not None:
        said["description"] = shot.description
    said["plate"] = _relative(shot.plate, folder)
    if shot.range is not None:
        said["range"] = shot.range
    said["keyframes"] = _keyframes(shot.keyframes, folder)
    if shot.objects:
        said["objects"] = {name: span.range for name, span in shot.objects.items()}
    said["out"] = _relative(shot.out, folder)
    base = load_preset(shot.preset, search_path=search_path)
    if base.overlay.folder is not None:  # beside the shot file, also where a preset in another folder asks for it
        beside = absolute(base.overlay.folder, Origin(str(path), folder=folder))
        base = base.model_copy(update={"overlay": base.overlay.model_copy(update={"folder": beside})})
    said |= _difference(shot.settings, base, folder)
    body = yaml.dump(said, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=float("inf"))
    return f"{_HEADER} Run it: stcn propagate {shlex.quote(path.name)}\n{body}"


def _difference(settings: BaseModel, base: BaseModel, folder: Path, at: tuple[str, ...] = ()) -> dict[Key, Value]:
    """Return the settings that are not those of the base, as nested keys."""
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
    """Return a setting as people write it: no limit is ``all``, and a size in pixels is a number."""
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


def _plain(objects: Mapping[str, str | int]) -> Value:
    return dict(objects.items())


def _extended(preset: str, folder: Path) -> str:
    """Return a preset as ``extends`` names it in a file of another folder."""
    if not is_file_name(preset):
        return preset
    text = _relative(absolute(preset, None), folder)
    return text if is_file_name(text) else f"./{text}"  # else it would be a preset's name


def _relative(text: str, folder: Path) -> str:
    """Return a path from a folder where it is beneath it; both are compared as they are spelt."""
    path = Path(text)
    if not path.is_relative_to(folder):
        return text
    inside = str(path.relative_to(folder))
    return f"./{inside}" if inside.startswith("~") else inside  # else it would be a home folder


class _Dumper(yaml.SafeDumper):
    """Writes text so that our reader takes it for text: ``1e5`` in quotes, which YAML 1.1 would not need."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if _stays(text) else "'")


def _stays(text: str) -> bool:
    """Whether text without quotes is read as this text."""
    try:
        return parse_value(text) == text
    except PresetError:
        return False


_Dumper.add_representer(str, _text)
