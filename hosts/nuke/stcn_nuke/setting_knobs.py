"""Knobs for the settings that artists change, each of which the preset decides unless it is turned on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, final

import nuke

from stcn_plugin.bridge.panel import PANEL_SETTINGS, PanelSetting, Value

BY_PRESET = "from the preset"
_SWITCH = ("yes", "no")


@final
class SettingKnobs:
    """The knobs, in the order of a panel: a menu for each choice, and a checkbox with a number."""

    def __init__(self) -> None:
        self._menus: dict[str, nuke.Enumeration_Knob] = {}
        self._numbers: dict[str, tuple[nuke.Boolean_Knob, nuke.Double_Knob]] = {}
        self.knobs: list[nuke.Knob] = []
        """All knobs, to be added to a panel."""
        group = ""
        for setting in PANEL_SETTINGS:
            if setting.group != group:
                group = setting.group
                self.knobs.append(nuke.Text_Knob(f"group_{group.lower()}", group.lower(), ""))
            self.knobs += self._number(setting) if setting.is_number else self._menu(setting)

    def changed(self, knob: nuke.Knob) -> None:
        """Enable the number beside a checkbox that was changed."""
        for switch, number in self._numbers.values():
            if knob.name() == switch.name():
                number.setEnabled(bool(switch.value()))

    def fill(self, values: Mapping[str, Value]) -> None:
        """Show values; settings without one are left to the preset."""
        for setting in PANEL_SETTINGS:
            value = values.get(setting.key)
            if setting.is_number:
                switch, number = self._numbers[setting.key]
                switch.setValue(value is not None)
                number.setEnabled(value is not None)
                number.setValue(setting.default if value is None else value)
            else:
                self._menus[setting.key].setValue(BY_PRESET if value is None else setting.text(value))

    def values(self) -> dict[str, Value]:
        """Return the values that are not left to the preset."""
        found: dict[str, Value] = {}
        for setting in PANEL_SETTINGS:
            if setting.is_number:
                switch, number = self._numbers[setting.key]
                if switch.value():
                    found[setting.key] = min(setting.maximum, max(setting.minimum, float(_value(number))))
            elif (text := str(self._menus[setting.key].value())) != BY_PRESET:
                value = setting.value(text)
                found[setting.key] = text if value is None else value
        return found

    def _menu(self, setting: PanelSetting) -> list[nuke.Knob]:
        names = [name for name, _ in setting.choices] or list(_SWITCH)
        menu = nuke.Enumeration_Knob(setting.name, setting.label.lower(), [BY_PRESET, *names])
        menu.setTooltip("\n".join([f"{setting.help}.", *(f"{name}: {label}" for name, label in setting.choices)]))
        self._menus[setting.key] = menu
        return [menu]

    def _number(self, setting: PanelSetting) -> list[nuke.Knob]:
        switch = nuke.Boolean_Knob(f"use_{setting.name}", setting.label.lower())
        switch.setFlag(nuke.STARTLINE)
        number = nuke.Double_Knob(setting.name, "")
        number.clearFlag(nuke.STARTLINE)
        number.setEnabled(False)
        number.setValue(setting.default)
        for knob in (switch, number):
            knob.setTooltip(f"{setting.help}.")
        self._numbers[setting.key] = switch, number
        return [switch, number]


def _value(knob: Any) -> Any:
    return knob.value()
