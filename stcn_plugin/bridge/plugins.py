"""Plugins by pluggy: found by entry point or by name, called one by one, so that an error tells whose it is."""

from __future__ import annotations

import hashlib
import importlib
import importlib.metadata
import importlib.util
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pluggy

from stcn_plugin import environment
from stcn_plugin.errors import PluginError, STCNError

PROJECT = "stcn_plugin"
"""Name of the entry point group of studio plugins, and of the hooks' markers."""

hookimpl = pluggy.HookimplMarker(PROJECT)


class Hooks:
    """The plugins of one side, and ways to call them.

    Wrappers (``hookimpl(wrapper=True)``) are not supported: every plugin is called on its own.

    Args:
        specification: The class of hook specifications.
        plugins: Plugins with their names, later ones called first.

    Raises:
        PluginError: A plugin implements a hook that does not exist, with arguments that it does not have, or as a
            wrapper; or two plugins have one name.
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
        for name, call in self._calls(hook, arguments):
            try:
                answer = call()
            except STCNError:
                raise
            except (Exception, SystemExit) as error:
                raise _plugin_error(name, hook, error) from error
            if answer is not None:
                yield name, answer

    def tell(self, hook: str, *, warn: Callable[[PluginError], None], **arguments: object) -> None:
        """Tell every plugin; of one that raises, ``warn`` is told by name, and no harm is done."""
        for name, call in self._calls(hook, arguments):
            try:
                call()
            except (Exception, SystemExit) as error:  # noqa: BLE001, PERF203 - a plugin that was only told may not take the job down
                warn(_plugin_error(name, hook, error))

    def _register(self, name: str, plugin: object) -> None:
        if name in self.names:
            raise PluginError("two plugins have this name", where=f"plugin {name}", fix="Load one of them only")
        try:
            self._manager.register(plugin, name)
            self._manager.check_pending()
        except Exception as error:  # noqa: BLE001 - looking through a plugin runs its code
            said = str(error).strip().splitlines() or [type(error).__name__]
            raise PluginError("; ".join(said), where=f"plugin {name}") from None
        for caller in self._manager.get_hookcallers(plugin) or ():
            if any(each.plugin is plugin and (each.wrapper or each.hookwrapper) for each in caller.get_hookimpls()):
                raise PluginError(
                    f"its hook {caller.name} is a wrapper, which has no place here", where=f"plugin {name}"
                )

    def _calls(self, hook: str, arguments: dict[str, object]) -> Iterator[tuple[str, Callable[[], Any]]]:
        """Yield the plugins of a hook in pluggy's order, each with what calls it alone."""
        for found in reversed(getattr(self._manager.hook, hook).get_hookimpls()):
            taken = [arguments[name] for name in found.argnames]
            yield found.plugin_name, partial(found.function, *taken)


def studio_plugins(named: Sequence[str] = (), *, entry_points: bool = True) -> list[tuple[str, object]]:
    """Load the studio's plugins: installed ones, those of ``STCN_PLUGINS``, and those named here.

    A shot file cannot name plugins: opening somebody's file must never run code.

    Args:
        named: Modules or files.
        entry_points: Whether to look for installed ones.

    Returns:
        Plugins with their names; one that is named twice, or installed as well, once.

    Raises:
        PluginError: One cannot be found or fails while it loads; names it.
    """
    found = dict(_installed()) if entry_points else {}
    for name in dict.fromkeys([*environment.PLUGINS.entries(), *named]):
        plugin = _load(name)
        if not any(plugin is other for other in found.values()):
            found[name] = plugin
    return list(found.items())


def _installed() -> Iterator[tuple[str, object]]:
    """Load what installed packages name in the entry point group; of packages found twice, the first."""
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
                    f"the installed plugin does not load ({_said(error)})",
                    where=f"plugin {entry.name} ({entry.value})",
                    fix="Repair or uninstall the package that it comes with",
                ) from error


def _load(name: str) -> ModuleType:
    """Import a module, or a file or folder that is one."""
    fix = f"Name a module that can be imported or a file; see {environment.PLUGINS.name}"
    is_file = name.endswith(".py") or "/" in name or os.sep in name
    file = Path(name).expanduser()
    if is_file and file.is_dir():
        file /= "__init__.py"
    if is_file and not file.is_file():
        raise PluginError("there is no such plugin", where=name, fix=fix)
    try:
        return _load_file(file) if is_file else importlib.import_module(name)
    except (Exception, SystemExit) as error:
        is_missing = isinstance(error, ModuleNotFoundError) and error.name == name
        what = "there is no such plugin" if is_missing else f"the plugin does not load ({_said(error)})"
        raise PluginError(what, where=name, fix=fix) from error


def _load_file(file: Path) -> ModuleType:
    # Two files of one name are two plugins; one file is loaded again only when it was changed.
    identity = f"{file.absolute()} {file.stat().st_mtime_ns}"
    unique = f"stcn_plugin_file_{hashlib.sha256(os.fsencode(identity)).hexdigest()[:12]}"
    if unique in sys.modules:
        return sys.modules[unique]
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


def _plugin_error(name: str, hook: str, error: BaseException) -> PluginError:
    return PluginError(f"its hook {hook} failed ({_said(error)})", where=f"plugin {name}")


def _said(error: BaseException) -> str:
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0]}" if text else type(error).__name__
