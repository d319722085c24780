"""Hooks by pluggy, with plugins called one at a time, so that an error can name the plugin that caused it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

import pluggy

from stcn_plugin.errors import PluginError, STCNError, is_temporary

PROJECT = "stcn_plugin"
"""Project name of the hook markers, and name of the entry point group of studio plugins."""

hookimpl = pluggy.HookimplMarker(PROJECT)


class Hooks:
    """The plugins of one interface, in the order in which they are called.

    Wrappers (``hookimpl(wrapper=True)``) are not supported, since every plugin is called on its own.

    Args:
        specification: The class of hook specifications.
        plugins: Plugins with their names; later ones are called first.

    Raises:
        PluginError: A plugin implements an unknown hook, a hook with unknown arguments, or a wrapper; or two plugins
            have the same name.
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

    def implementations(self, hook: str) -> Mapping[str, str]:
        """Return the plugins that implement a hook, in the order in which they are called, each with its source file."""
        found = reversed(getattr(self._manager.hook, hook).get_hookimpls())
        return {each.plugin_name: each.function.__code__.co_filename for each in found}

    def first(self, hook: str, **arguments: object) -> Any:
        """Return the first result that is not ``None``; ``None`` where no plugin returns one.

        Raises:
            PluginError: A plugin raised; the error names it. Errors of this package are raised unchanged.
        """
        return next((result for _, result in self.results(hook, **arguments)), None)

    def results(self, hook: str, **arguments: object) -> Iterator[tuple[str, Any]]:
        """Yield the plugin's name and the result of every plugin that returns one, one call at a time.

        Raises:
            PluginError: A plugin raised; the error names it. Errors of this package are raised unchanged.
        """
        for name, call in self._calls(hook, arguments):
            try:
                result = call()
            except STCNError:
                raise
            except (Exception, SystemExit) as error:
                raise _hook_failed(name, hook, error) from error
            if result is not None:
                yield name, result

    def notify(self, hook: str, *, on_error: Callable[[PluginError], None], **arguments: object) -> None:
        """Call every plugin and ignore the results.

        Args:
            hook: Name of the hook.
            on_error: Called with the error of each plugin that raised; the others are called all the same.
            arguments: Arguments of the hook.
        """
        for name, call in self._calls(hook, arguments):
            try:
                call()
            except (Exception, SystemExit) as error:  # noqa: BLE001, PERF203 - a notified plugin must not end the job
                on_error(_hook_failed(name, hook, error))

    def _register(self, name: str, plugin: object) -> None:
        if name in self.names:
            raise PluginError("two plugins have this name", where=f"plugin {name}", fix="Load only one of them")
        try:
            self._manager.register(plugin, name)
            self._manager.check_pending()
        except Exception as error:  # noqa: BLE001 - inspecting a plugin runs its code
            lines = str(error).strip().splitlines() or [type(error).__name__]
            raise PluginError("; ".join(lines), where=f"plugin {name}") from None
        for caller in self._manager.get_hookcallers(plugin) or ():
            if any(each.plugin is plugin and (each.wrapper or each.hookwrapper) for each in caller.get_hookimpls()):
                raise PluginError(
                    f"its hook {caller.name} is a wrapper, which is not supported", where=f"plugin {name}"
                )

    def _calls(self, hook: str, arguments: dict[str, object]) -> Iterator[tuple[str, Callable[[], Any]]]:
        """Yield each plugin's name and its call, in pluggy's order."""
        for implementation in reversed(getattr(self._manager.hook, hook).get_hookimpls()):
            values = [arguments[name] for name in implementation.argnames]
            yield implementation.plugin_name, partial(implementation.function, *values)


def summarize_exception(error: BaseException) -> str:
    """Return the type and the first line of an exception, for a message.

    >>> summarize_exception(ValueError("not today"))
    'ValueError: not today'
    """
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def _hook_failed(plugin: str, hook: str, error: BaseException) -> PluginError:
    what = f"its hook {hook} failed ({summarize_exception(error)})"
    return PluginError(what, where=f"plugin {plugin}", retry=is_temporary(error))
