"""Options of a job as arguments of the command that a farm runs, in another folder and with another environment."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace

from stcn_plugin import environment
from stcn_plugin.bridge.job import JobRequest, chosen_settings, parse_settings
from stcn_plugin.config.yaml_source import parse_value
from stcn_plugin.errors import PresetError
from stcn_plugin.presets.library import is_file_name
from stcn_plugin.presets.resolve import absolute
from stcn_plugin.shot.model import Shot
from stcn_plugin.studio.plugins import is_file_of_plugin

_ORIGINS = {"preset": "--preset", "weights": "--weights", "compute.device": "--device"}


@dataclass(frozen=True)
class JobOptions:
    """Options of `stcn propagate` that apply to every task.

    Args:
        preset: Preset to start from, by name or file.
        overrides: Settings, each as ``KEY=VALUE``.
        weights: Weights by name or file.
        device: Device to run on.
        plugins: Studio plugins, modules or files.
    """

    preset: str | None = None
    overrides: tuple[str, ...] = ()
    weights: str | None = None
    device: str | None = None
    plugins: tuple[str, ...] = ()

    def request(self, shot_file: str) -> JobRequest:
        """Return the request of a job with these options.

        Raises:
            PresetError: An override is not valid.
        """
        chosen = {"weights": self.weights, "compute.device": self.device}
        return JobRequest(
            shot_file=shot_file,
            preset=self.preset,
            settings=parse_settings(self.overrides, "--set") | chosen_settings(chosen, _ORIGINS),
            origins=_ORIGINS,
            plugins=self.plugins,
        )

    def made_absolute(self, shot: Shot) -> JobOptions:
        """Return the options with absolute paths, since tasks run in another folder.

        Args:
            shot: A shot that was loaded with these options, which shows what settings are paths.
        """
        return replace(
            self,
            preset=absolute(self.preset, None) if self.preset and is_file_name(self.preset) else self.preset,
            overrides=tuple(_absolute_override(text, shot) for text in self.overrides),
            weights=absolute(self.weights, None)
            if self.weights and self.weights.endswith(".safetensors")
            else self.weights,
            plugins=tuple(absolute(name, None) if is_file_of_plugin(name) else name for name in self.plugins),
        )

    @property
    def arguments(self) -> tuple[str, ...]:
        """The options as arguments."""
        single = {"--preset": self.preset, "--weights": self.weights, "--device": self.device}
        repeated = [*(("--set", text) for text in self.overrides), *(("--plugin", name) for name in self.plugins)]
        pairs = [*((flag, value) for flag, value in single.items() if value is not None), *repeated]
        return tuple(argument for pair in pairs for argument in pair)


def job_environment() -> Mapping[str, str]:
    """Return the environment variables that a job reads and that are set here, with absolute paths.

    Raises:
        PresetError: One cannot be passed to a farm.
    """
    found = {}
    for variable in (environment.PRESET_PATH, environment.WEIGHTS_DIR, environment.PLUGINS, environment.OCIO):
        if variable.value():
            entries = variable.entries() if variable is not environment.OCIO else (variable.value(),)
            found[variable.name] = os.pathsep.join(_absolute_entry(variable, entry) for entry in entries)
    if environment.TIMEOUTS.value():
        found[environment.TIMEOUTS.name] = environment.TIMEOUTS.value()
    for name, value in found.items():
        require_text(value, where=name)
    return found


def require_text(text: str, *, where: str) -> None:
    """Check that a text can be a line of a file in UTF-8, such as a list of commands.

    Raises:
        PresetError: It has a control character, or bytes that are not UTF-8.
    """
    if not text.isprintable():
        raise PresetError(
            f"{text!a} has a character that a list of commands cannot have",
            where=ascii(where)[1:-1],
            fix="Rename the file or folder",
        )


def _absolute_entry(variable: environment.Variable, entry: str) -> str:
    is_name = variable is environment.PLUGINS and not is_file_of_plugin(entry)
    return entry if is_name or entry.startswith("ocio://") else absolute(entry, None)


def _absolute_override(text: str, shot: Shot) -> str:
    """Return an override whose value is a path with an absolute path, and any other unchanged."""
    key, _, value = text.partition("=")
    given = parse_value(value)
    used: object = shot.settings
    for name in key.split("."):
        used = getattr(used, name.strip(), None)
    if not isinstance(given, str) or str(used) == given or str(used) != absolute(given, None):
        return text
    plain = str(used)
    return f"{key}={plain if parse_value(plain) == plain else json.dumps(plain, ensure_ascii=False)}"
