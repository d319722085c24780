"""Plugins by pluggy: found by entry point or by name, called one by one, so that an error tells whose it is."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pluggy

from stcn_plugin.errors import PluginError, STCNError

PROJECT = "stcn_plugin"
"""Name of the entry point group of studio plugins, and of the hooks' markers."""

PLUGINS_VARIABLE = "STCN_PLUGINS"
"""Environment variable that names studio plugins: modules or files, separated as in PATH."""

hookimpl = pluggy.HookimplMarker(PROJECT)


class Hooks:
    """The plugins of one side, and ways to call them.

    Wrappers (``hookimpl(wrapper=True)``) are not supported: every plugin is called on its own.

    Args:
        specification: The class of hook specifications.
        plugins: Plugins with their names, later ones called first.

    Raises:
        PluginError: A plugin implements a hook that does not exist, or with arguments that it does not have.
    """

    def __init__(self, specification: type, plugins: Iterable[tuple[str, object]]) -> None:
        self._manager = pluggy.PluginManager(PROJECT)
        self._manager.add_hookspecs(specification)
        for name, plugin in plugins:
            self._register(name, plugin)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the plugins, in the order in which they were given."""
        return tuple(name for name, _ in self._manager.list_name_plugin())

    def first(self, hook: str, **arguments: object) -> Any:
        """Return what the first plugin that answers gives, ``None`` where none does.

        Raises:
            PluginError: A plugin raised; names it. Errors of this package pass as they are.
        """
        return next((answer for _, answer in self.answers(hook, **arguments)), None)

    def answers(self, hook: str, **arguments: object) -> Iterator[tuple[str, Any]]:
        """Yield plugin and answer of every plugin that answers, one call at a time.

        Raises:
            PluginError: A plugin raised; names it. Errors of this package pass as they are.
        """
        for name, call in self._calls(hook):
            try:
                answer = call(**arguments)
            except STCNError:
                raise
            except Exception as error:
                raise _plugin_error(name, hook, error) from error
            if self._gathers(hook):  # pluggy gives the answers of one plugin as a list of none or one
                answer = answer[0] if answer else None
            if answer is not None:
                yield name, answer

    def tell(self, hook: str, *, warn: Callable[[str], None], **arguments: object) -> None:
        """Tell every plugin; one that raises is reported by name to ``warn`` and harms nothing."""
        for name, call in self._calls(hook):
            try:
                call(**arguments)
            except Exception as error:  # noqa: BLE001, PERF203 - a plugin that was only told may not take the job down
                warn(str(_plugin_error(name, hook, error)))

    def _register(self, name: str, plugin: object) -> None:
        try:
            self._manager.register(plugin, name)
            self._manager.check_pending()
        except (ValueError, pluggy.PluginValidationError) as error:
            raise PluginError(str(error).strip().splitlines()[0], where=f"plugin {name}") from None

    def _calls(self, hook: str) -> Iterator[tuple[str, Callable[..., Any]]]:
        """Yield the plugins of a hook in pluggy's order, each with what calls it alone."""
        for implementation in reversed(getattr(self._manager.hook, hook).get_hookimpls()):
            others = [plugin for plugin in self._manager.get_plugins() if plugin is not implementation.plugin]
            yield implementation.plugin_name, self._manager.subset_hook_caller(hook, others)

    def _gathers(self, hook: str) -> bool:
        spec = getattr(self._manager.hook, hook).spec
        return not spec.opts.get("firstresult")


def studio_plugins(named: Sequence[str] = (), *, entry_points: bool = True) -> list[tuple[str, object]]:
    """Load the studio's plugins: installed ones, those of ``STCN_PLUGINS``, and those named here.

    A shot file cannot name plugins: opening somebody's file must never run code.

    Args:
        named: Modules or files.
        entry_points: Whether to look for installed ones.

    Raises:
        PluginError: One cannot be found or fails while it loads.
    """
    found: list[tuple[str, object]] = []
    if entry_points:
        manager = pluggy.PluginManager(PROJECT)
        try:
            manager.load_setuptools_entrypoints(PROJECT)
        except Exception as error:
            raise PluginError(f"an installed plugin does not load ({_said(error)})", fix="Uninstall it") from error
        found += manager.list_name_plugin()
    listed = [each.strip() for each in os.environ.get(PLUGINS_VARIABLE, "").split(os.pathsep)]
    for name in dict.fromkeys([*filter(None, listed), *named]):
        found.append((name, _load(name)))
    return found


def _load(name: str) -> ModuleType:
    """Import a module, or a file that is one."""
    is_file = name.endswith(".py") or "/" in name or os.sep in name
    try:
        return _load_file(Path(name).expanduser()) if is_file else importlib.import_module(name)
    except Exception as error:
        missing = isinstance(error, FileNotFoundError) or getattr(error, "name", None) == name
        what = "there is no such plugin" if missing else f"the plugin does not load ({_said(error)})"
        fix = f"Name a module that can be imported or a file; see {PLUGINS_VARIABLE}"
        raise PluginError(what, where=name, fix=fix) from error


def _load_file(path: Path) -> ModuleType:
    file = path / "__init__.py" if path.is_dir() else path
    if not file.is_file():
        raise FileNotFoundError(path)
    # Two files of one name are two plugins.
    unique = f"stcn_plugin_file_{hashlib.sha256(str(file.absolute()).encode()).hexdigest()[:12]}"
    spec = importlib.util.spec_from_file_location(unique, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[unique] = module  # dataclasses and pickle look their module up there
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[unique]
        raise
    return module


def _plugin_error(name: str, hook: str, error: Exception) -> PluginError:
    return PluginError(f"its hook {hook} failed ({_said(error)})", where=f"plugin {name}")


def _said(error: Exception) -> str:
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0]}" if text else type(error).__name__
