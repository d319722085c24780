"""The settings that artists change, for the panel of any host.

A panel shows a field for each, which is used only if the artist turns it on; otherwise the preset decides. All other
settings go into one text field, as ``KEY=VALUE`` separated by spaces.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Union

from stcn_plugin.bridge.job import Setting, parse_settings
from stcn_plugin.errors import PresetError

Value = Union[str, float, bool]  # noqa: UP007 - evaluated by Python 3.9
"""Value of a field: a choice, a number, or whether a switch is on."""


@dataclass(frozen=True)
class PanelSetting:
    """A setting with a field in panels.

    Args:
        key: The setting, such as ``matte.edges``.
        label: Label of the field.
        group: Title above the fields that belong together.
        help: What it does, in one sentence without a full stop.
        choices: Values to choose from, each with its label; empty for numbers and switches.
        minimum: Smallest number.
        maximum: Largest number.
        default: Value of a new field.
    """

    key: str
    label: str
    group: str
    help: str
    choices: tuple[tuple[str, str], ...] = ()
    minimum: float = 0.0
    maximum: float = 0.0
    default: Value = ""

    @property
    def name(self) -> str:
        """The setting as a name of Python, for knobs and properties."""
        return self.key.replace(".", "_")

    @property
    def is_number(self) -> bool:
        """Whether its value is a number."""
        return isinstance(self.default, float)

    def text(self, value: Value) -> str:
        """Return a value as YAML.

        >>> SETTINGS_BY_KEY["matte.grow"].text(-1.5), SETTINGS_BY_KEY["output.confidence"].text(True)
        ('-1.5', 'yes')
        """
        if isinstance(value, bool):
            return "yes" if value else "no"
        return f"{value:.6g}" if isinstance(value, (int, float)) else value

    def value(self, text: str) -> Value | None:
        """Return the value that a text stands for; ``None`` if a field cannot show it."""
        if self.choices:
            return text if text in dict(self.choices) else None
        if not self.is_number:
            return {"yes": True, "true": True, "no": False, "false": False}.get(text.strip().lower())
        try:
            number = float(text)
        except ValueError:
            return None
        return number if self.minimum <= number <= self.maximum else None


def _number(key: str, label: str, help: str, bounds: tuple[float, float], default: float) -> PanelSetting:  # noqa: A002
    return PanelSetting(f"matte.{key}", label, "Clean", help, (), *bounds, default)


PANEL_SETTINGS = (
    PanelSetting(
        "window",
        "Window",
        "Network",
        "What the network looks at",
        (("object", "around each object"), ("frame", "whole frame")),
        default="object",
    ),
    PanelSetting(
        "matte.stabilise",
        "Stabilise",
        "Edges",
        "How strongly flicker is taken out of the edge",
        (("auto", "auto: as the flicker needs"), ("off", "off"), ("1", "strongest")),
        default="auto",
    ),
    PanelSetting(
        "matte.edges",
        "Edges",
        "Edges",
        "How the edge is refined at plate resolution",
        (("off", "as propagated"), ("network", "network: hair, motion blur"), ("guided", "guided: soft edges")),
        default="network",
    ),
    _number("black", "Black", "Values up to this become 0; raise it if the background is dirty", (0.0, 0.99), 0.15),
    _number("white", "White", "Values from this up become 1; lower it if the core has holes", (0.01, 1.0), 0.85),
    _number("remove_specks", "Specks", "Remove isolated parts up to this many pixels", (0.0, 100_000.0), 50.0),
    _number("fill_holes", "Holes", "Fill holes up to this many pixels", (0.0, 100_000.0), 50.0),
    _number("grow", "Grow", "Move the edge outwards by pixels, or inwards if negative", (-100.0, 100.0), 1.0),
    _number("feather", "Feather", "Soften the edge up to this many pixels from it", (0.0, 100.0), 2.0),
    PanelSetting(
        "matte.feather_side",
        "Side",
        "Clean",
        "Side of the edge that is softened",
        (("both", "both"), ("inside", "inside"), ("outside", "outside")),
        default="both",
    ),
    PanelSetting(
        "output.layout",
        "Layout",
        "Output",
        "How the mattes are stored in files",
        (
            ("auto", "auto: by the file type"),
            ("layers", "a layer for each object"),
            ("per_object", "a file for each object"),
            ("cryptomatte", "Cryptomatte"),
        ),
        default="auto",
    ),
    PanelSetting(
        "output.confidence",
        "Confidence",
        "Output",
        "Add a channel confidence.Y: 1 where the network is sure, 0 where it is undecided",
        default=True,
    ),
)
"""The fields, in the order of a panel."""

SETTINGS_BY_KEY: Mapping[str, PanelSetting] = {each.key: each for each in PANEL_SETTINGS}
"""The fields by their setting."""


def panel_settings(values: Mapping[str, Value], more: str, *, place: str) -> dict[str, Setting]:
    """Return the settings of a panel.

    Args:
        values: Setting to the value of its field, for the fields that are turned on.
        more: The text field for all other settings, whose values override the fields.
        place: How errors name the panel.

    Raises:
        PresetError: The text field is invalid.
    """
    fields = {
        key: Setting(SETTINGS_BY_KEY[key].text(value), f"{place}, {SETTINGS_BY_KEY[key].label}", is_yaml=True)
        for key, value in values.items()
    }
    try:
        words = shlex.split(more)
    except ValueError as error:
        raise PresetError(f"the settings cannot be read ({error})", where=more, fix="Close the quotes") from None
    others = parse_settings(words, f"{place}, Settings")
    return {**{key: value for key, value in fields.items() if key not in others}, **others}


def split_settings(settings: Mapping[str, Setting]) -> tuple[dict[str, Value], str]:
    """Return the values of the fields, and the text for all other settings: the inverse of `panel_settings`."""
    values: dict[str, Value] = {}
    others: dict[str, str] = {}
    for key, setting in settings.items():
        field = SETTINGS_BY_KEY.get(key)
        value = field.value(setting.value) if field is not None else None
        if value is None:
            others[key] = setting.value
        else:
            values[key] = value
    return values, settings_text(others.items())


def settings_text(pairs: Iterable[tuple[str, str]]) -> str:
    """Return settings and values as text of a panel's field."""
    return " ".join(shlex.quote(f"{key}={value}") for key, value in pairs)
