"""Hooks by pluggy, with plugins called one at a time, so that an error can name the plugin that caused it."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import get_close_matches
from functools import partial
from types import CodeType
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
                raise _hook_failed(name, hook, error, call) from error
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
                on_error(_hook_failed(name, hook, error, call))

    def _register(self, name: str, plugin: object) -> None:
        if name in self.names:
            raise PluginError("two plugins have this name", where=f"plugin {name}", fix="Load only one of them")
        try:
            self._manager.register(plugin, name)
            self._manager.check_pending()
        except pluggy.PluginValidationError as error:
            raise self._misfit(name, plugin) or PluginError(str(error), where=f"plugin {name}") from None
        except Exception as error:  # noqa: BLE001 - inspecting a plugin runs its code
            lines = str(error).strip().splitlines() or [type(error).__name__]
            raise PluginError("; ".join(lines), where=f"plugin {name}") from None
        for caller in self._manager.get_hookcallers(plugin) or ():
            if any(each.plugin is plugin and (each.wrapper or each.hookwrapper) for each in caller.get_hookimpls()):
                what = f"its hook {caller.name} is a wrapper, which is not supported"
                raise PluginError(what, where=f"plugin {name}", fix="Mark it with hookimpl alone")

    def _misfit(self, name: str, plugin: object) -> PluginError | None:
        """Return the error for the first hook of a plugin that the interface does not have, or not with its arguments."""
        callers = vars(self._manager.hook)
        known = {hook: caller.spec.argnames for hook, caller in callers.items() if getattr(caller, "spec", None)}
        for attribute in dir(plugin):
            options = self._manager.parse_hookimpl_opts(plugin, attribute)
            if options is None:
                continue
            hook = options["specname"] or attribute
            if hook not in known:
                near = get_close_matches(hook, known, 1)
                fix = (
                    f"Did you mean {near[0]}? Correct its name" if near else f"The hooks are {', '.join(sorted(known))}"
                )
                return PluginError(f"there is no hook {hook}", where=f"plugin {name}", fix=fix)
            others = [each for each in _arguments(getattr(plugin, attribute)) if each not in (*known[hook], "self")]
            if others:
                what = f"its hook {hook} has an unknown argument {others[0]}"
                allowed = (
                    f"The allowed arguments are {', '.join(known[hook])}" if known[hook] else "It has no arguments"
                )
                return PluginError(what, where=f"plugin {name}", fix=allowed)
        return None

    def _calls(self, hook: str, arguments: dict[str, object]) -> Iterator[tuple[str, partial[Any]]]:
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


def line_of(error: BaseException, file: str | None = None) -> str | None:
    """Return the file name and line of the innermost frame of an exception.

    Args:
        error: The exception.
        file: Prefer frames in this file to those in the libraries that it calls.
    """
    frames, traceback = [], error.__traceback__
    while traceback is not None:
        frames.append((traceback.tb_frame.f_code.co_filename, traceback.tb_lineno))
        traceback = traceback.tb_next
    of_file = [frame for frame in frames if frame[0] == file] or frames
    return f"{os.path.basename(of_file[-1][0])}, line {of_file[-1][1]}" if of_file else None  # noqa: PTH119


def _hook_failed(plugin: str, hook: str, error: BaseException, call: partial[Any]) -> PluginError:
    code: CodeType | None = getattr(call.func, "__code__", None)
    line = line_of(error, code.co_filename if code else None)
    what = f"its hook {hook} failed ({summarize_exception(error)})"
    fix = f"See {line}" if line else None
    return PluginError(what, where=f"plugin {plugin}", fix=fix, retry=is_temporary(error))


def _arguments(function: Callable[..., object]) -> list[str]:
    """Return the names of the arguments without defaults, which a hook gets."""
    parameters = inspect.signature(function).parameters.values()
    return [each.name for each in parameters if each.default is each.empty]
