"""A strict stand-in for Nuke's module. The plugin may use only the names in it. Tests control it through `nuke_stage`."""

from __future__ import annotations

import os
import threading
from typing import Any

from nuke_stage import Misuse as _Misuse
from nuke_stage import main_thread_only as _main_thread_only
from nuke_stage import stage as _stage
from nuke_stage import strict as _strict
from nuke_stage.knobs import (
    Boolean_Knob,
    Double_Knob,
    Enumeration_Knob,
    EvalString_Knob,
    File_Knob,
    Int_Knob,
    Knob,
    PyScript_Knob,
    Script_Knob,
    String_Knob,
    Tab_Knob,
    Text_Knob,
)
from nuke_stage.knobs import numbered as _numbered
from nuke_stage.nodes import INPUTS, INVISIBLE, STARTLINE, BackdropNode, Format, Group, Node, Root
from nuke_stage.nodes import create as _create
from nuke_stage.nodes import handle as _handle
from nuke_stage.nodes import new_script as _new_script
from nuke_stage.tcl import evaluated as _evaluated

__all__ = [
    "EXE_PATH", "GUI", "INPUTS", "INVISIBLE", "REPLACE", "STARTLINE", "BackdropNode", "Boolean_Knob", "Double_Knob",
    "Enumeration_Knob", "EvalString_Knob", "File_Knob", "Format", "Group", "Int_Knob", "Knob", "Layer", "Menu", "Node",
    "ProgressTask", "PyScript_Knob", "Root", "Script_Knob", "String_Knob", "Tab_Knob", "Text_Knob", "Undo", "allNodes",
    "delete", "execute", "executeInMainThread", "executeInMainThreadWithResult", "filename", "frame", "layers", "menu",
    "message", "nodes", "pluginAddPath", "pluginPath", "root", "scriptOpen", "scriptSaveAs", "selectedNodes", "toNode",
    "tprint", "views", "warning",
]  # fmt: skip

GUI = os.environ.get("NUKE_STAND_IN_GUI", "1") == "1"
EXE_PATH = "/opt/Nuke15.0v4/Nuke15.0"
REPLACE = 1


class _Nodes:
    def __getattr__(self, item: str) -> Any:
        return lambda **values: _create(item, **values)


nodes = _Nodes()


@_strict
class Layer:
    """Adds a layer to the script."""

    def __init__(self, name: str, channels: list[str]) -> None:
        if not 1 <= len(channels) <= 4 or any(channel.split(".")[0] != name for channel in channels):
            raise ValueError(f"no layer {name} of {channels}")
        _stage.layers[name] = list(channels)


@_strict
class Menu:
    """A menu, and an entry of one."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._items: list[Any] = []

    def addCommand(self, name: str, command: Any = None, shortcut: str = "", icon: str = "") -> Any:
        if not callable(command):
            raise TypeError("a command is callable")
        self._items.append((name, command))
        if shortcut:
            if shortcut in _stage.shortcuts:
                raise _Misuse(f"the shortcut {shortcut} is taken")
            _stage.shortcuts[shortcut] = name

    def addMenu(self, name: str, icon: str = "") -> Menu:
        found = next((item for item in self._items if isinstance(item, Menu) and item._name == name), None)
        if found is None:
            found = Menu(name)
            self._items.append(found)
        return found

    def addSeparator(self) -> None:
        self._items.append(None)


class ProgressTask:
    """A progress bar. It belongs to the thread that creates it, which may be any thread."""

    def __init__(self, name: str) -> None:
        self._name, self._thread = name, threading.get_ident()
        self._log: list[Any] = []
        _stage.tasks.append(self)

    def _check(self) -> None:
        if threading.get_ident() != self._thread:
            raise _Misuse("a ProgressTask was used from another thread than its own")

    def setProgress(self, i: int) -> None:
        self._check()
        if not isinstance(i, int) or not 0 <= i <= 100:
            raise TypeError(f"progress is a whole number to 100, not {i!r}")
        self._log.append(i)

    def setMessage(self, s: str) -> None:
        self._check()
        if not isinstance(s, str):
            raise TypeError("a message is a text")
        self._log.append(s)

    def isCancelled(self) -> bool:
        self._check()
        steps = len([entry for entry in self._log if isinstance(entry, int)])
        return _stage.cancel_task_at is not None and steps >= _stage.cancel_task_at


@_strict
class Undo:
    """Steps to undo."""

    def begin(self, name: str = "") -> None:
        _stage.undo_steps.append(name)

    def end(self) -> None:
        _stage.undo_steps.append("end")

    @staticmethod
    def disable() -> None:
        _stage.undo_off += 1

    @staticmethod
    def enable() -> None:
        _stage.undo_off -= 1


@_main_thread_only
def allNodes() -> list[Node]:
    return _handle(_stage.groups[-1] if _stage.groups else _stage.root).nodes()


@_main_thread_only
def delete(n: Node | None) -> None:
    assert n is not None
    op = n._op()
    op.is_deleted = True
    _stage.ops.remove(op)
    for other in _stage.ops:
        other.inputs = [None if before is op else before for before in other.inputs]
    _stage.modified = True


@_main_thread_only
def execute(
    nameOrNode: Node | str, start: int, end: int, incr: int = 1, views: Any = None, continueOnError: bool = False
) -> None:
    from nuke_stage.pixels import write

    node = toNode(nameOrNode) if isinstance(nameOrNode, str) else nameOrNode
    if node.Class() != "Write" or not all(isinstance(number, int) for number in (start, end, incr)):
        raise _Misuse(f"{nameOrNode!r} cannot be executed")
    if not set(views or _stage.views) <= set(_stage.views):
        raise _Misuse(f"there are no views {views}")
    for number in range(start, end + 1, incr):
        _stage.frame = number  # as in Nuke, the last rendered frame becomes the current one
        if _stage.cancel_rendering:
            raise RuntimeError("Cancelled")
        if _stage.render_error:
            raise RuntimeError(_stage.render_error)
        write(node._op(), number)


def executeInMainThread(call: Any, args: Any = (), kwargs: Any = {}) -> None:  # noqa: B006
    if not isinstance(args, tuple):
        raise _Misuse("args is a tuple")
    _stage.calls.put((call, args, kwargs))


def executeInMainThreadWithResult(call: Any, args: Any = (), kwargs: Any = {}) -> Any:  # noqa: B006
    if threading.get_ident() == _stage.main_thread:
        raise _Misuse("the main thread would wait for itself")
    raise _Misuse("errors of executeInMainThreadWithResult are lost")


@_main_thread_only
def filename(node: Node, i: int = 0) -> str | None:
    op = node._op()
    if "file" not in op.knob_values:
        return None
    knob = "proxy" if _stage.root.value("proxy") and op.knob_values.get("proxy") and op.value("proxy") else "file"
    text = _evaluated(op.value(knob))
    return (_numbered(text, _stage.frame) if i == REPLACE else text) or None


@_main_thread_only
def frame(f: int | None = None) -> int:
    if f is not None:
        _stage.frame = f
    return _stage.frame


@_main_thread_only
def layers(node: Node | None = None) -> list[str]:
    return list(_stage.layers)


@_main_thread_only
def menu(name: str) -> Menu:
    if not GUI or name not in ("Nuke", "Nodes", "Viewer"):
        raise _Misuse(f"there is no menu {name}")
    return _stage.menus.setdefault(name, Menu(name))


@_main_thread_only
def message(prompt: str) -> None:
    if not isinstance(prompt, str):
        raise TypeError("a message is a text")
    _stage.messages.append(prompt)


@_main_thread_only
def pluginAddPath(args: Any, addToSysPath: bool = True) -> None:
    _stage.plugin_path.insert(0, args)


@_main_thread_only
def pluginPath() -> list[str]:
    return list(_stage.plugin_path)


@_main_thread_only
def root() -> Root:
    return _handle(_stage.root)


@_main_thread_only
def scriptOpen(filename: str | None = None) -> None:
    from nuke_stage.script_text import open_script

    open_script(filename)


@_main_thread_only
def scriptSaveAs(filename: str | None = None, overwrite: int | bool = -1) -> None:
    from pathlib import Path

    from nuke_stage.script_text import script_text

    assert filename is not None
    if Path(filename).exists() and not overwrite:
        raise RuntimeError(f"{filename} exists")
    _stage.root.knob_values["name"]._value = filename
    try:
        Path(filename).write_text(script_text(), "utf-8")
    except OSError as error:
        raise RuntimeError(str(error)) from None


@_main_thread_only
def selectedNodes() -> list[Node]:
    return [_handle(op) for op in reversed(_stage.ops) if op.selected]


@_main_thread_only
def toNode(s: str) -> Node | None:
    if not isinstance(s, str):
        raise TypeError("a name is a text")
    return next((_handle(op) for op in _stage.ops if _handle(op).fullName() == s), None)


def tprint(*args: Any, sep: str = " ", end: str = "\n", file: Any = None) -> None:
    _stage.printed.append(sep.join(map(str, args)))


@_main_thread_only
def views() -> list[str]:
    return list(_stage.views)


@_main_thread_only
def warning(message: str) -> None:
    _stage.warnings.append(message)


_new_script()
