"""The state of the stand-in for Nuke: its script, artist and main loop. Tests inspect and control it here.

The stand-in is strict where Nuke is lenient or crashes: an unknown class, knob, channel or view, a value of the wrong
type, and a call from another thread than the main one are errors.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from functools import wraps
from typing import Any


class Misuse(AssertionError):
    """The plugin did something that Nuke does not allow."""


class Stage:
    """The state of one Nuke."""

    def __init__(self) -> None:
        self.main_thread = threading.get_ident()
        self.reset()

    def reset(self) -> None:
        self.calls: queue.SimpleQueue[tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]] = queue.SimpleQueue()
        self.root: Any = None
        self.ops: list[Any] = []
        self.groups: list[Any] = []
        self.frame = 1
        self.layers: dict[str, list[str]] = {"rgba": ["rgba.red", "rgba.green", "rgba.blue", "rgba.alpha"]}
        self.views = ["main"]
        self.messages: list[str] = []
        self.warnings: list[str] = []
        self.printed: list[str] = []
        self.menus: dict[str, Any] = {}
        self.shortcuts: dict[str, str] = {}
        self.variables: dict[str, str] = {}
        self.assets: dict[str, str] = {}
        self.open_panels: list[Any] = []
        self.on_panel: Callable[[Any], bool] = self._no_panel
        self.tasks: list[Any] = []
        self.cancel_task_at: int | None = None
        self.cancel_rendering = False
        self.render_error: str | None = None
        self.rendered: list[tuple[str, int, bool]] = []
        self.undo_off = 0
        self.undo_steps: list[str] = []
        self.plugin_path: list[str] = []
        self.modified = False
        self.commands: list[str] = []

    @staticmethod
    def _no_panel(panel: Any) -> bool:
        raise Misuse(f"the test does not answer the panel {panel!r}")

    def pump(self, until: Callable[[], object], timeout: float = 240.0) -> None:
        """Run the main loop, with the calls of other threads, until a condition is true."""
        deadline = time.monotonic() + timeout
        while not until():
            if time.monotonic() > deadline:
                raise TimeoutError("the condition did not become true")
            try:
                call, args, kwargs = self.calls.get(timeout=0.02)
            except queue.Empty:
                continue
            call(*args, **kwargs)

    def check_thread(self, name: str) -> None:
        if threading.get_ident() != self.main_thread:
            raise Misuse(f"{name} was called from the thread {threading.current_thread().name}")


stage = Stage()


def main_thread_only(function: Callable[..., Any]) -> Callable[..., Any]:
    """Refuse calls from other threads than the main one."""

    @wraps(function)
    def checked(*args: Any, **kwargs: Any) -> Any:
        stage.check_thread(function.__qualname__)
        return function(*args, **kwargs)

    return checked


def strict(cls: type) -> type:
    """Restrict all methods of a class to the main thread."""
    for name, value in list(vars(cls).items()):
        if callable(value) and not isinstance(value, type) and name not in ("__hash__", "__eq__", "__repr__"):
            setattr(cls, name, main_thread_only(value))
    return cls
