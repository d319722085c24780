"""Presets of plugins."""

from __future__ import annotations

from collections.abc import Iterator
from os import PathLike
from pathlib import Path

from stcn_plugin.bridge.hooks import Hooks
from stcn_plugin.presets.library import environment_folders
from stcn_plugin.studio.answers import kind, nonsense

_HOOK = "stcn_preset_folders"


def preset_search_path(hooks: Hooks) -> tuple[Path, ...]:
    """Return every folder that holds presets, for ``search_path``: those of ``STCN_PRESET_PATH``, then the plugins'.

    Raises:
        PluginError: A plugin raised, or named no folders.
    """
    return (*environment_folders(), *_folders(hooks))


def _folders(hooks: Hooks) -> Iterator[Path]:
    for plugin, folders in hooks.results(_HOOK):
        if not isinstance(folders, list | tuple):
            raise nonsense(plugin, _HOOK, f"{kind(folders)}, not a list of folders")
        for folder in folders:
            if not isinstance(folder, str | PathLike):
                raise nonsense(plugin, _HOOK, f"a list with {kind(folder)} in it, not of folders")
            yield Path(folder)
