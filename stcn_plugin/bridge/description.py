"""What a worker offers, for the menus of a panel, and its JSON.

``docs/reference/job-data.md`` is generated from the docstrings of the dataclasses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from stcn_plugin.bridge.fields import Fields


@dataclass(frozen=True)
class Choice:
    """One entry of a menu.

    Args:
        name: Its name in settings.
        label: Text to show next to the name.
    """

    name: str
    label: str

    @classmethod
    def from_json(cls, data: object) -> Choice:
        """Read the JSON of `json_of`."""
        fields = Fields(data, "a choice")
        return cls(fields.value("name", str), fields.value("label", str))


@dataclass(frozen=True)
class Description:
    """The presets, weights and devices of a worker, for the menus of a panel.

    Args:
        presets: All presets.
        weights: All weights, of the package, of the weights store and of plugins.
        devices: All devices of the machine; ``auto`` is first.
        preset_weights: Preset name to the name of its weights.
    """

    presets: tuple[Choice, ...]
    weights: tuple[Choice, ...]
    devices: tuple[Choice, ...]
    preset_weights: Mapping[str, str] = field(default_factory=dict)

    def licence(self, weights: str, *, preset: str) -> str:
        """Return weights and their licence in one line, for a panel; empty if they are unknown.

        Args:
            weights: Name of the weights; empty for those of the preset.
            preset: Name of the preset.
        """
        name = weights or self.preset_weights.get(preset, "")
        return next((f"{each.name}: {each.label}" for each in self.weights if each.name == name), "")

    @classmethod
    def from_json(cls, data: object) -> Description:
        """Read the JSON of `json_of`."""
        fields = Fields(data, "a description")
        return cls(
            presets=fields.list_of("presets", Choice.from_json),
            weights=fields.list_of("weights", Choice.from_json),
            devices=fields.list_of("devices", Choice.from_json),
            preset_weights=fields.mapping("preset_weights", str),
        )
