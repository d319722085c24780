"""The rows of the edge benchmark: the settings of each step alone and of all together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from stcn_plugin import load_preset
from stcn_plugin.errors import PresetError

PLAIN: Mapping[str, str] = {"window": "frame", "matte.edges": "off", "matte.stabilise": "off"}
"""Every step off: probabilities of the whole frame, enlarged bilinearly."""


@dataclass(frozen=True)
class Step:
    """A row.

    Args:
        name: Its name.
        on: Settings that differ from `PLAIN`; ``None`` uses the settings of the default preset.
    """

    name: str
    on: Mapping[str, str] | None

    def overrides(self) -> tuple[str, ...]:
        """Return its settings, each ``key=value``.

        A setting that does not exist is left out if it would be off.

        Raises:
            PresetError: A setting that the row is about does not exist.
        """
        if self.on is None:
            return ()
        off = tuple(f"{key}={value}" for key, value in PLAIN.items() if key not in self.on)
        on = tuple(f"{key}={value}" for key, value in self.on.items())
        load_preset("default", overrides=on)
        return *(each for each in off if _exists(each)), *on


STEPS = (
    Step("bilinear", {}),
    Step("guided", {"matte.edges": "guided"}),
    Step("window", {"window": "object"}),
    Step("edges", {"matte.edges": "network"}),
    Step("stabilised", {"matte.stabilise": "auto"}),
    Step("window + guided", {"window": "object", "matte.edges": "guided"}),
    Step("window + edges", {"window": "object", "matte.edges": "network"}),
    Step("window + stabilised", {"window": "object", "matte.stabilise": "auto"}),
    Step("all", {"window": "object", "matte.edges": "network", "matte.stabilise": "auto"}),
    Step("default", None),
)


def available(names: tuple[str, ...]) -> tuple[dict[str, tuple[str, ...]], list[str]]:
    """Return the settings of the rows that can run, and the names of the others.

    Args:
        names: Rows to run; all if empty.
    """
    rows: dict[str, tuple[str, ...]] = {}
    left_out = []
    for step in STEPS:
        if names and step.name not in names:
            continue
        try:
            rows[step.name] = step.overrides()
        except PresetError:
            left_out.append(step.name)
    return rows, left_out


def _exists(setting: str) -> bool:
    try:
        load_preset("default", overrides=(setting,))
    except PresetError:
        return False
    return True
