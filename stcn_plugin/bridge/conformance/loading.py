"""Loads the module of a host, by name or by file."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

from stcn_plugin.bridge.conformance.trial import TrialScript
from stcn_plugin.bridge.hooks import summarize_exception
from stcn_plugin.errors import PluginError

_FUNCTION = "new_script"


def load_module(name: str) -> Callable[[], TrialScript]:
    """Import a module, and return its function ``new_script``.

    Args:
        name: A module on Python's path, or a Python file.

    Raises:
        PluginError: It cannot be imported, or has no such function.
    """
    file = Path(name)
    try:
        if file.suffix == ".py" or file.is_file():
            module = ModuleType(file.stem)
            module.__file__ = name
            sys.modules[file.stem] = module
            SourceFileLoader(file.stem, name).exec_module(module)
        else:
            module = importlib.import_module(name)
    except (Exception, SystemExit) as error:
        raise PluginError(
            f"the module cannot be imported ({summarize_exception(error)})",
            where=name,
            fix="Name a module on Python's path, or a file",
        ) from error
    function = getattr(module, _FUNCTION, None)
    if not callable(function):
        raise PluginError(
            f"the module has no function {_FUNCTION}()",
            where=name,
            fix="Define it: it opens a new script of the tool, see docs/how-to/write-a-host.md",
        )
    return function  # type: ignore[no-any-return]
