"""The preset folders and weights that plugins add, and validation of hook results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from os import PathLike
from pathlib import Path

from stcn_plugin.bridge.hooks import Hooks
from stcn_plugin.errors import PluginError
from stcn_plugin.presets.library import environment_folders
from stcn_plugin.studio.builtin import NAME as BUILT_IN
from stcn_plugin.weights.store import SUFFIX, WeightsStore, builtin_files

_PRESETS = "stcn_preset_folders"
_WEIGHTS = "stcn_weights_files"


def invalid_result(plugin: str, hook: str, what: str, *, fix: str | None = None) -> PluginError:
    """Return the error for a result that cannot be used.

    Args:
        plugin: Name of the plugin.
        hook: Name of the hook.
        what: What is wrong, to follow "its hook ... returned".
        fix: What the author of the plugin should do.
    """
    return PluginError(f"its hook {hook} returned {what}", where=f"plugin {plugin}", fix=fix)


def type_name(value: object) -> str:
    """Return the type of a value with an article, for messages.

    >>> type_name(3), type_name("x")
    ('an int', 'a str')
    """
    name = type(value).__name__
    return f"an {name}" if name[0].lower() in "aeiou" or name == "ndarray" else f"a {name}"


def preset_search_path(hooks: Hooks) -> tuple[Path, ...]:
    """Return all folders with presets: those of ``STCN_PRESET_PATH``, followed by those of the plugins.

    Raises:
        PluginError: A plugin raised, or did not return folders.
    """
    return (*environment_folders(), *_preset_folders(hooks))


def weights_store(hooks: Hooks, folder: Path | None = None) -> WeightsStore:
    """Return the weights store with the weights of the plugins added.

    Args:
        hooks: The plugins.
        folder: As for `WeightsStore`.

    Raises:
        PluginError: A plugin raised, or did not return names and files of weights.
    """
    files: dict[str, Path] = {}
    for plugin, named in hooks.results(_WEIGHTS):
        if not isinstance(named, Mapping):
            raise invalid_result(plugin, _WEIGHTS, f"{type_name(named)}, not a mapping of names to files")
        for name, file in named.items():
            if plugin != BUILT_IN:
                _check_weights(plugin, name, file)
            files.setdefault(name, Path(file))
    return WeightsStore(folder, extra=files)


def _preset_folders(hooks: Hooks) -> Iterator[Path]:
    for plugin, folders in hooks.results(_PRESETS):
        if not isinstance(folders, list | tuple):
            raise invalid_result(plugin, _PRESETS, f"{type_name(folders)}, not a list of folders")
        for folder in folders:
            if not isinstance(folder, str | PathLike):
                raise invalid_result(plugin, _PRESETS, f"a list with {type_name(folder)} in it, not a list of folders")
            yield Path(folder)


def _check_weights(plugin: str, name: object, file: object) -> None:
    if not isinstance(name, str) or not isinstance(file, str | PathLike):
        what = f"{type_name(name)} and {type_name(file)}, not a name and a file"
        raise invalid_result(plugin, _WEIGHTS, what)
    if name in builtin_files():
        what = f"the name '{name}', which is reserved for the weights in the package"
        raise invalid_result(plugin, _WEIGHTS, what, fix="Use another name")
    if Path(file).suffix != SUFFIX:
        fix = f"Convert it with: stcn weights add {file}"
        raise invalid_result(plugin, _WEIGHTS, f"'{name}' with a file that is not {SUFFIX}: {file}", fix=fix)
