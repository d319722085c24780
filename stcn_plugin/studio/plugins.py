"""Loading studio plugins: by entry point, from ``STCN_PLUGINS``, and by name."""

from __future__ import annotations

import hashlib
import importlib
import importlib.metadata
import importlib.util
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType

from stcn_plugin import environment
from stcn_plugin.bridge.files import expanded
from stcn_plugin.bridge.hooks import PROJECT, Hooks, summarize_exception
from stcn_plugin.errors import PluginError
from stcn_plugin.studio.builtin import NAME, BuiltIn
from stcn_plugin.studio.hooks import StudioHooks


def studio_hooks(names: Sequence[str] = ()) -> Hooks:
    """Load all studio plugins.

    Those in ``names`` are called first, followed by ``STCN_PLUGINS``, installed plugins and the built-in one.

    Args:
        names: Modules, files or folders.

    Raises:
        PluginError: A plugin cannot be found, fails to load, or has an unknown hook.
    """
    return Hooks(StudioHooks, [(NAME, BuiltIn()), *studio_plugins(names)])


def builtin_hooks() -> Hooks:
    """Return the hooks of the built-in plugin alone."""
    return Hooks(StudioHooks, [(NAME, BuiltIn())])


def studio_plugins(names: Sequence[str] = (), *, entry_points: bool = True) -> list[tuple[str, object]]:
    """Load the studio's plugins: installed ones, those of ``STCN_PLUGINS``, and those named here.

    A shot file cannot name plugins: opening a shot file must never run code.

    Args:
        names: Modules, files or folders.
        entry_points: Whether to load installed plugins.

    Returns:
        Plugins with their names; a plugin found in several ways is listed once.

    Raises:
        PluginError: A plugin cannot be found or fails to load; the error names it.
    """
    plugins = dict(_installed_plugins()) if entry_points else {}
    for name in dict.fromkeys([*environment.PLUGINS.entries(), *names]):
        plugin = _load(name)
        if not any(plugin is other for other in plugins.values()):
            plugins[name] = plugin
    return list(plugins.items())


def is_file_of_plugin(name: str) -> bool:
    """Whether the name of a plugin is a file or folder, not a module."""
    return name.endswith(".py") or "/" in name or os.sep in name


def _installed_plugins() -> Iterator[tuple[str, object]]:
    """Load the plugins that installed packages register; of several with the same name, the first one found."""
    seen = set()
    for distribution in importlib.metadata.distributions():
        for entry in distribution.entry_points:
            if entry.group != PROJECT or entry.name in seen:
                continue
            seen.add(entry.name)
            try:
                yield entry.name, entry.load()
            except (Exception, SystemExit) as error:
                raise PluginError(
                    f"the installed plugin does not load ({summarize_exception(error)})",
                    where=f"plugin {entry.name} ({entry.value})",
                    fix="Repair or uninstall the package that provides it",
                ) from error


def _load(name: str) -> ModuleType:
    """Import a module by name, or from a file or a folder with ``__init__.py``."""
    fix = f"Name an importable module or an existing file; see {environment.PLUGINS.name}"
    is_file = is_file_of_plugin(name)
    file = expanded(name, error=PluginError)
    if is_file and file.is_dir():
        file /= "__init__.py"
    if is_file and not file.is_file():
        raise PluginError("there is no such plugin", where=name, fix=fix)
    try:
        return _load_file(file) if is_file else importlib.import_module(name)
    except (Exception, SystemExit) as error:
        is_missing = isinstance(error, ModuleNotFoundError) and error.name == name
        what = "there is no such plugin" if is_missing else f"the plugin does not load ({summarize_exception(error)})"
        raise PluginError(what, where=name, fix=fix) from error


def _load_file(file: Path) -> ModuleType:
    """Import a file under a unique name, again only if it has changed."""
    identity = f"{file.absolute()} {file.stat().st_mtime_ns}"
    unique = f"stcn_plugin_file_{hashlib.sha256(os.fsencode(identity)).hexdigest()[:12]}"
    if unique in sys.modules:
        return sys.modules[unique]
    spec = importlib.util.spec_from_file_location(unique, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[unique] = module  # dataclasses and pickle look up the module by name
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[unique]
        raise
    return module
