"""Finds presets: in the studio's folders, then among the built-in ones."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from stcn_plugin import environment
from stcn_plugin.config.wording import nearest, shown
from stcn_plugin.config.yaml_source import read_yaml
from stcn_plugin.errors import PresetError

_SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True)
class PresetInfo:
    """A preset in one of the folders.

    Args:
        name: Its name for ``extends:`` and ``--preset``.
        description: Its description, or what is wrong with the file.
        path: The file.
        layer: ``built-in``, or the studio's folder.
    """

    name: str
    description: str
    path: Path
    layer: str


def builtin_folder() -> Path:
    """Return the folder of the presets that ship with the package."""
    return Path(str(resources.files("stcn_plugin.presets") / "builtin"))


def environment_folders() -> tuple[Path, ...]:
    """Return the folders that ``STCN_PRESET_PATH`` names."""
    return tuple(Path(os.path.expanduser(entry)) for entry in environment.PRESET_PATH.entries())  # noqa: PTH111


def preset_folders(search_path: Sequence[Path] | None = None) -> tuple[Path, ...]:
    """Return the folders with presets, by priority. The built-in ones come last.

    Args:
        search_path: The studio's folders; ``None`` uses those of ``STCN_PRESET_PATH``.
    """
    studio = environment_folders() if search_path is None else search_path
    return (*(folder for folder in dict.fromkeys(studio) if folder != builtin_folder()), builtin_folder())


def list_presets(search_path: Sequence[Path] | None = None) -> tuple[PresetInfo, ...]:
    """Return all presets, sorted by name. If several have the same name, the one with the highest priority is returned.

    Args:
        search_path: The studio's folders; ``None`` uses those of ``STCN_PRESET_PATH``.
    """
    found: dict[str, PresetInfo] = {}
    for folder in preset_folders(search_path):
        layer = "built-in" if folder == builtin_folder() else str(folder)
        for path in _presets_in(folder):
            if path.stem not in found:
                found[path.stem] = PresetInfo(path.stem, _description(path), path, layer)
    return tuple(found[name] for name in sorted(found))


def files_named(name: str, folders: Sequence[Path]) -> tuple[Path, ...]:
    """Return the files of presets with a name, by priority."""
    return tuple(path for folder in folders for path in _presets_in(folder) if path.stem == name)


def is_file_name(text: str) -> bool:
    """Return whether text is a path, such as ``./base.yaml``, instead of the name of a preset."""
    return text.endswith(_SUFFIXES) or "/" in text or os.sep in text


def unknown_preset(name: str, folders: Sequence[Path], where: str | None) -> PresetError:
    """Return the error for a preset that does not exist."""
    names = sorted({path.stem for folder in folders for path in _presets_in(folder)})
    guess = nearest(name, names)
    looked = ", ".join(f"{folder}{'' if folder.is_dir() else ' (no such folder)'}" for folder in folders[:-1])
    among = f"Perhaps you meant '{guess}'" if guess else f"There are {', '.join(names)}"
    return PresetError(
        f"there is no preset {shown(name)}",
        where=where,
        fix=f"{among}; looked in {looked} and the built-in presets"
        if looked
        else f"{among}; {environment.PRESET_PATH.name} names no studio folder",
    )


def _presets_in(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.suffix in _SUFFIXES and not path.name.startswith("."))
    except OSError:  # not mounted, for example; reported if a name is not found
        return []


def _description(path: Path) -> str:
    try:
        text = read_yaml(path).data.get("description")
    except PresetError as error:
        return f"cannot be read: {error}"
    return " ".join(text.split()) if isinstance(text, str) else ""
