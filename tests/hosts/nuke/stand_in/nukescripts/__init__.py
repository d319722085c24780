"""A stand-in for the one class of nukescripts that is used; only available if Nuke has an interface."""

from __future__ import annotations

from typing import Any

import nuke
from nuke_stage import Misuse as _Misuse
from nuke_stage import stage as _stage
from nuke_stage import strict as _strict

__all__ = ["PythonPanel"]


@_strict
class PythonPanel:
    """A panel; `stage.on_panel` answers it."""

    def __init__(self, title: str = "", id: str = "", scrollable: bool = True) -> None:  # noqa: A002
        if not nuke.GUI:
            raise _Misuse("a panel without an interface")
        self._title = title
        self._knobs: dict[str, nuke.Knob] = {}

    def addKnob(self, knob: nuke.Knob) -> None:
        if not isinstance(knob, nuke.Knob) or knob.name() in self._knobs:
            raise _Misuse(f"{knob!r} cannot be added to a panel")
        self._knobs[knob.name()] = knob

    def knobs(self) -> dict[str, nuke.Knob]:
        return dict(self._knobs)

    def knobChanged(self, knob: nuke.Knob) -> None:
        pass

    def show(self) -> None:
        if self in _stage.open_panels:
            raise _Misuse("the panel is open")
        _stage.open_panels.append(self)

    def hide(self) -> None:
        if self in _stage.open_panels:
            _stage.open_panels.remove(self)

    def removeCallback(self) -> None:
        if self in _stage.open_panels:
            raise _Misuse("the buttons of an open panel need its callback")

    def showModalDialog(self, defaultKnobText: str = "") -> bool:
        return _stage.on_panel(self)


def answer(panel: Any, **values: Any) -> None:
    """Fill in a panel as an artist does, with a notification of every change."""
    for name, value in values.items():
        knob = panel.knobs()[name]
        if not knob.enabled():
            raise _Misuse(f"'{name}' is greyed out")
        knob.setValue(value)
        panel.knobChanged(knob)


def press(panel: Any, name: str) -> None:
    """Press a button of an open panel."""
    button = panel.knobs()[name]
    if panel not in _stage.open_panels or not isinstance(button, nuke.PyScript_Knob):
        raise _Misuse(f"'{name}' is not a button of an open panel")
    panel.knobChanged(button)


_stage.answer, _stage.press = answer, press
