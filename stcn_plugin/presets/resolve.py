"""Resolves a preset: follows its chain of ``extends``, stacks the files, and validates the result."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from stcn_plugin.bridge.files import expanded
from stcn_plugin.config.layers import Layer, Origin, file_layer, override_layer
from stcn_plugin.config.problems import validated
from stcn_plugin.config.wording import shown
from stcn_plugin.config.yaml_source import Document, KeyPath, read_yaml
from stcn_plugin.errors import PresetError
from stcn_plugin.presets.library import files_named, is_file_name, preset_folders, unknown_preset
from stcn_plugin.presets.model import SHOT_KEYS, Preset, PresetFile
from stcn_plugin.presets.path_checks import preset_problems

_FILE_ONLY = ("extends", "description")
_MOST_FILES = 100
_LONGEST_SHOWN = 300


@dataclass(frozen=True)
class TracedPreset:
    """A preset with the origin of each of its settings.

    Args:
        preset: The settings.
        description: The description in its own file.
        origins: Origin of each setting, by path: ``("memory", "interval")``.
        files: The files that were read, its own first.
    """

    preset: Preset
    description: str | None
    origins: Mapping[KeyPath, Origin]
    files: tuple[Path, ...]


@dataclass(frozen=True)
class Stack:
    """A file stacked on everything that it extends, not validated.

    Args:
        layer: The stacked layers.
        preset: The first preset that is not a shot file: a name, or an absolute path.
        files: The files, the extending one first.
        problems: Errors of files that could not be extended.
    """

    layer: Layer
    preset: str
    files: tuple[Path, ...]
    problems: tuple[PresetError, ...]


def load_preset(
    name_or_path: str | Path, *, search_path: Sequence[Path] | None = None, overrides: Sequence[str] = ()
) -> Preset:
    """Load a preset, including the presets that it extends.

    Args:
        name_or_path: A preset's name, or a YAML file: a `Path`, or text with a suffix or a slash.
        search_path: The studio's folders, by priority; ``None`` uses those of ``STCN_PRESET_PATH``.
        overrides: Settings that override those of the file, such as ``memory.interval=3``; later ones take precedence.

    Raises:
        PresetError: The preset is not found or wrong; lists every problem with its file and line.
    """
    return trace_preset(name_or_path, search_path=search_path, overrides=overrides).preset


def trace_preset(
    name_or_path: str | Path,
    *,
    search_path: Sequence[Path] | None = None,
    overrides: Sequence[str] = (),
    of_shot: bool = False,
) -> TracedPreset:
    """Load a preset with the origin of each setting.

    Args:
        name_or_path: As for `load_preset`.
        search_path: As for `load_preset`.
        overrides: As for `load_preset`.
        of_shot: Also accept a shot file, and ignore its plate, keyframes and so on.

    Raises:
        PresetError: The preset is not found or wrong; lists every problem with its file and line.
    """
    folders = preset_folders(search_path)
    first = find(name_or_path, folders)
    stacked = stack(first, override_layer(overrides), folders)
    layer = stacked.layer.without(SHOT_KEYS) if of_shot else stacked.layer
    data = validated(
        PresetFile,
        layer,
        str(first.path),
        found=stacked.problems,
        check=preset_problems,
        elsewhere=dict.fromkeys(SHOT_KEYS, "a shot file, not in a preset"),
    )
    return TracedPreset(absolute_files(data.settings, layer), data.description, layer.origins, stacked.files)


def find(name_or_path: str | Path, folders: Sequence[Path], *, where: str | None = None) -> Document:
    """Read a preset by name or path.

    Args:
        name_or_path: As the user wrote it.
        folders: Folders that are searched for names.
        where: Where the preset was chosen, for the error.

    Raises:
        PresetError: There is none, or it is not YAML.
    """
    if isinstance(name_or_path, Path) or is_file_name(name_or_path):
        return read_yaml(expanded(name_or_path, error=PresetError))
    files = files_named(name_or_path, folders)
    if not files:
        raise unknown_preset(name_or_path, folders, where)
    return read_yaml(files[0])


def stack(first: Document, overrides: Layer, folders: Sequence[Path]) -> Stack:
    """Stack overrides, a file, the file that it extends, and so on down to the built-in ``default``.

    If a file cannot be extended, that is a problem of the stack, and ``default`` is used instead, so that all problems
    are reported together.

    Args:
        first: The file. Its ``extends`` and ``description`` are kept; those of the files below it are dropped.
        overrides: The top layer.
        folders: Folders that are searched for names.
    """
    chain, layers, problems = [first], [overrides.over(file_layer(first))], list[PresetError]()
    preset = "default"
    while True:
        layer = layers[-1]
        if any(key in layer.data for key in SHOT_KEYS):
            preset = _extended_name(layer)
        try:
            lower = _below(chain, layer, folders)
        except PresetError as error:
            problems.append(error)
            lower = _below_or_none(chain, folders)
            if not isinstance(layer.data.get("extends"), str):
                layers[-1] = layer.without(("extends",))  # reported already
        if len(chain) > 1:
            layers[-1] = layers[-1].without(_FILE_ONLY)
        if lower is None:
            break
        chain.append(lower)
        layers.append(file_layer(lower))
    return Stack(Layer.stacked(reversed(layers)), preset, tuple(each.path for each in chain), tuple(problems))


def absolute_files(preset: Preset, layer: Layer) -> Preset:
    """Return a preset with absolute paths of weights, OCIO config and cache, if they are files."""
    weights, config, cache = preset.weights, preset.colour.config, preset.cache
    if weights.endswith(".safetensors"):
        weights = absolute(weights, layer.origin(("weights",)))
    if config != "auto" and not config.startswith("ocio://"):
        config = absolute(config, layer.origin(("colour", "config")))
    if cache not in ("auto", "off"):
        cache = absolute(cache, layer.origin(("cache",)))
    return preset.model_copy(
        update={"weights": weights, "cache": cache, "colour": preset.colour.model_copy(update={"config": config})}
    )


def absolute(text: str, origin: Origin | None) -> str:
    """Return an absolute path. Relative ones start at the folder of their origin; ``~`` is the home folder."""
    folder = origin.folder if origin else Path.cwd()
    return str(folder / expanded(text, error=PresetError))


def _extended_name(layer: Layer) -> str:
    """Return the preset that a layer extends: a name, or an absolute path."""
    wanted = layer.data.get("extends")
    if not isinstance(wanted, str):
        return "default"
    return absolute(wanted, layer.origin(("extends",))) if is_file_name(wanted) else wanted


def _below(chain: Sequence[Document], layer: Layer, folders: Sequence[Path]) -> Document | None:
    """Read the file that the last file of a chain extends; ``None`` for the built-in default."""
    wanted = layer.data.get("extends")
    origin = layer.origin(("extends",))
    where = str(origin) if origin else None
    if wanted is not None and not isinstance(wanted, str):
        raise PresetError(
            f"extends: should be the name of one preset, or a file, got {shown(wanted)}",
            where=where,
            fix="A preset extends one other, which may extend another",
        )
    if len(chain) > _MOST_FILES:
        raise PresetError(f"extends: more than {_MOST_FILES} files extend each other", where=where, fix="Join some")
    taken = [os.path.realpath(document.path) for document in chain]
    if wanted is not None and is_file_name(wanted):
        path = Path(absolute(wanted, origin))
        if _real(path) in taken:
            raise _circle(chain, path, where)
        return _extended(path, where)
    name = wanted or "default"
    files = files_named(name, folders)
    if not files:
        raise unknown_preset(name, folders, where)
    # A name that is already in the chain means the next one below, so that a studio's `hero` can extend `hero`.
    used = [index for index, path in enumerate(files) if os.path.realpath(path) in taken]
    below = files[max(used, default=-1) + 1 :]
    if below:
        return _extended(below[0], where)
    if wanted is None:
        return None
    raise _circle(chain, files[0], where)


def _below_or_none(chain: Sequence[Document], folders: Sequence[Path]) -> Document | None:
    """Read what a file without ``extends`` extends; ``None`` if that cannot be read either."""
    try:
        return _below(chain, Layer(), folders)
    except PresetError:
        return None


def _extended(path: Path, where: str | None) -> Document:
    """Read a file that another one extends. If it is missing, the error names the other one."""
    try:
        return read_yaml(path)
    except PresetError as error:
        if where is None or error.where != str(path):
            raise
        named = error.where if len(error.where) <= _LONGEST_SHOWN else f"{error.where[:_LONGEST_SHOWN]}..."
        raise PresetError(f"extends: {named}: {error.what}", where=where, fix=error.fix, retry=error.retry) from None


def _real(path: Path) -> str:
    try:
        return os.path.realpath(path)
    except ValueError:  # a NUL
        return str(path)


def _circle(chain: Sequence[Document], again: Path, where: str | None) -> PresetError:
    names = " → ".join(str(path) for path in (*(document.path for document in chain), again))
    return PresetError(f"extends is circular: {names}", where=where, fix="Remove one of these extends")
