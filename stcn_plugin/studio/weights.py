"""Weights of plugins."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from pathlib import Path

from stcn_plugin.bridge.hooks import Hooks
from stcn_plugin.studio.answers import kind, nonsense
from stcn_plugin.studio.builtin import NAME as BUILT_IN
from stcn_plugin.weights.store import SUFFIX, WeightsStore, builtin_files

_HOOK = "stcn_weights_files"


def weights_store(hooks: Hooks, folder: Path | None = None) -> WeightsStore:
    """Return the weights store with the plugins' weights beside its own.

    Args:
        hooks: The plugins.
        folder: As for `WeightsStore`.

    Raises:
        PluginError: A plugin raised, or named what are no weights.
    """
    files: dict[str, Path] = {}
    for plugin, named in hooks.results(_HOOK):
        if not isinstance(named, Mapping):
            raise nonsense(plugin, _HOOK, f"{kind(named)}, not a mapping of names to files")
        for name, file in named.items():
            if plugin != BUILT_IN:
                _check(plugin, name, file)
            files.setdefault(name, Path(file))
    return WeightsStore(folder, extra=files)


def _check(plugin: str, name: object, file: object) -> None:
    if not isinstance(name, str) or not isinstance(file, str | PathLike):
        raise nonsense(plugin, _HOOK, f"{kind(name)} and {kind(file)}, not a name and a file")
    if name in builtin_files():
        raise nonsense(plugin, _HOOK, f"the name '{name}', which the weights inside the package have", fix="Rename it")
    if Path(file).suffix != SUFFIX:
        fix = f"Make it one with: stcn weights add {file}"
        raise nonsense(plugin, _HOOK, f"'{name}' a file that is no {SUFFIX}: {file}", fix=fix)
