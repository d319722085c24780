"""The fields of the docker for the settings of a document."""

from __future__ import annotations

from functools import partial
from typing import final

from PyQt5.QtCore import QObject, Qt, pyqtSignal
from PyQt5.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QSpinBox,
    QWidget,
)

from stcn_plugin.bridge.description import Choice, Description
from stcn_plugin.bridge.panel import PANEL_SETTINGS, PanelSetting, Value

from .shot_settings import LAST_FRAME, ShotSettings

_SETTINGS = tuple(each for each in PANEL_SETTINGS if each.key != "output.layout")
"""The fields of the panel. Mattes come back as layers of Krita, so it writes them in the one layout that it can read."""

_BY_PRESET = "from the preset"


@final
class SettingsForm(QObject):
    """All fields, in two widgets: what every shot needs, and settings that are left to the preset."""

    changed = pyqtSignal()
    """The artist has changed a field."""

    def __init__(self) -> None:
        super().__init__()
        self.shot, self.details = QWidget(), QWidget()
        self._form = _form_of(self.shot)
        self._plate = self._line("Plate", "A file of the plate, such as plate.1001.exr", browses=True)
        self._first = QSpinBox()
        self._first.setRange(0, LAST_FRAME)
        self._first.setToolTip("Frame of the timeline that shows the first file of the plate")
        self._first.valueChanged.connect(lambda _: self.changed.emit())
        self._form.addRow("First Frame", self._first)
        self._range = self._line(
            "Range", "Frames of the timeline to matte, such as 0-99; empty for all frames of the plate"
        )
        self._preset = self._menu("Preset", "Name of a preset, or a YAML file")
        self._out = self._line(
            "Mattes", "EXR files of the mattes, such as mattes/hero.####.exr; relative to the document"
        )
        self._form = _form_of(self.details)
        self._menus: dict[str, QComboBox] = {}
        self._numbers: dict[str, tuple[QCheckBox, QDoubleSpinBox]] = {}
        for setting in _SETTINGS:
            if setting.is_number:
                self._add_number(setting)
            else:
                self._add_choice(setting)
        self._weights = self._menu("Weights", "Name of the weights; empty for those of the preset")
        self._device = self._menu("Device", "Device that the network runs on; empty for that of the preset")
        self._more = self._line("Settings", "Any other settings that override the preset, such as memory.interval=3")

    def fill(self, settings: ShotSettings) -> None:
        """Show the settings of a document."""
        self.blockSignals(True)
        for line, text in ((self._plate, settings.plate), (self._range, settings.range), (self._out, settings.out)):
            line.setText(text)
        self._more.setText(settings.more)
        self._first.setValue(settings.first)
        self._preset.setEditText(settings.preset)
        self._weights.setEditText(settings.weights)
        self._device.setEditText(settings.device)
        for setting in _SETTINGS:
            value = settings.values.get(setting.key)
            if setting.is_number:
                switch, number = self._numbers[setting.key]
                switch.setChecked(value is not None)
                number.setEnabled(value is not None)
                number.setValue(float(setting.default if value is None else value))
            else:
                menu = self._menus[setting.key]
                menu.setCurrentIndex(0 if value is None else max(0, menu.findData(setting.text(value))))
        self.blockSignals(False)

    def write_to(self, settings: ShotSettings) -> None:
        """Change settings to what the fields show."""
        settings.plate, settings.first = self._plate.text(), self._first.value()
        settings.range, settings.out, settings.more = self._range.text(), self._out.text(), self._more.text()
        settings.preset = self._preset.currentText()
        settings.weights, settings.device = self._weights.currentText(), self._device.currentText()
        settings.values = self._values()

    def offer(self, choices: Description) -> None:
        """Fill the menus with what the worker has; what is entered stays."""
        self.blockSignals(True)
        for menu, entries in (
            (self._preset, choices.presets),
            (self._weights, (Choice("", "those of the preset"), *choices.weights)),
            (self._device, (Choice("", "that of the preset"), *choices.devices)),
        ):
            text = menu.currentText()
            menu.clear()
            for number, entry in enumerate(entries):
                menu.addItem(entry.name)
                menu.setItemData(number, entry.label, Qt.ToolTipRole)
            menu.setEditText(text)
        self.blockSignals(False)

    def _values(self) -> dict[str, Value]:
        found: dict[str, Value] = {}
        for setting in _SETTINGS:
            if setting.is_number:
                switch, number = self._numbers[setting.key]
                if switch.isChecked():
                    found[setting.key] = number.value()
            elif (text := self._menus[setting.key].currentData()) is not None:
                value = setting.value(text)
                found[setting.key] = text if value is None else value
        return found

    def _line(self, label: str, help: str, *, browses: bool = False) -> QLineEdit:  # noqa: A002
        line = QLineEdit()
        line.setToolTip(help)
        line.textChanged.connect(lambda _: self.changed.emit())
        row: QWidget = line
        if browses:
            row = QWidget()
            layout = QHBoxLayout(row)
            layout.setContentsMargins(0, 0, 0, 0)
            button = QPushButton("…")
            button.setMaximumWidth(30)
            button.clicked.connect(partial(self._browse, line))
            layout.addWidget(line)
            layout.addWidget(button)
        self._form.addRow(label, row)
        return line

    def _browse(self, line: QLineEdit, _is_checked: bool = False) -> None:
        file, _ = QFileDialog.getOpenFileName(self.shot, "Choose a file of the plate", line.text())
        if file:
            line.setText(file)

    def _menu(self, label: str, help: str) -> QComboBox:  # noqa: A002
        menu = _narrow(QComboBox())
        menu.setEditable(True)
        menu.setToolTip(help)
        menu.editTextChanged.connect(lambda _: self.changed.emit())
        self._form.addRow(label, menu)
        return menu

    def _add_choice(self, setting: PanelSetting) -> None:
        menu = _narrow(QComboBox())
        menu.addItem(_BY_PRESET, None)
        for name, label in setting.choices or (("yes", "yes"), ("no", "no")):
            menu.addItem(label, name)
        menu.setToolTip(f"{setting.help}.")
        menu.currentIndexChanged.connect(lambda _: self.changed.emit())
        self._menus[setting.key] = menu
        self._form.addRow(setting.label, menu)

    def _add_number(self, setting: PanelSetting) -> None:
        switch, number = QCheckBox(setting.label), QDoubleSpinBox()
        number.setRange(setting.minimum, setting.maximum)
        number.setSingleStep(0.01 if setting.maximum <= 1 else 0.5)
        for widget in (switch, number):
            widget.setToolTip(f"{setting.help}.")
        switch.toggled.connect(number.setEnabled)
        switch.toggled.connect(lambda _: self.changed.emit())
        number.valueChanged.connect(lambda _: self.changed.emit())
        self._numbers[setting.key] = switch, number
        self._form.addRow(switch, number)


def _form_of(widget: QWidget) -> QFormLayout:
    form = QFormLayout(widget)
    form.setContentsMargins(0, 0, 0, 0)
    return form


def _narrow(menu: QComboBox) -> QComboBox:
    """Let a menu be narrower than its longest entry."""
    menu.setSizeAdjustPolicy(QComboBox.AdjustToMinimumContentsLengthWithIcon)
    menu.setMinimumContentsLength(8)
    return menu
