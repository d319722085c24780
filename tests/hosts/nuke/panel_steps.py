"""What an artist does with the panel in the stand-in for Nuke."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Menu = Mapping[str, Callable[[], None]]


def values_of(panel: Any) -> dict[str, Any]:
    """Return the values of a panel's knobs; of texts, what the artist sees."""
    return {
        name: knob._shown() if knob.Class() == "Text_Knob" else knob.value() for name, knob in panel.knobs().items()
    }


def opened(menu: Menu, stage: Any, wait_for: str | None = None) -> tuple[Any, dict[str, Any]]:
    """Open the panel; return it, and what it shows."""
    menu["Propagate roto..."]()
    (panel,) = stage.open_panels
    seen = values_of(panel)
    if wait_for:
        stage.pump(lambda: panel.knobs()["state"].value() == wait_for, timeout=20)
    return panel, seen


def propagated(menu: Menu, stage: Any, wait_for: str | None = None, **values: Any) -> dict[str, Any]:
    """Open the panel, fill it in and press Propagate; return what it showed before."""
    panel, seen = opened(menu, stage, wait_for)
    stage.answer(panel, **values)
    seen["after"] = values_of(panel)
    seen["presets"] = panel.knobs()["preset"].values()
    stage.press(panel, "propagate")
    return seen
