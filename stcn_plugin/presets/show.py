"""A preset's effective settings as YAML, each with its origin."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import yaml
from pydantic import BaseModel

from stcn_plugin.config.wording import choices, schema_at
from stcn_plugin.config.yaml_source import KeyPath
from stcn_plugin.presets.library import builtin_folder
from stcn_plugin.presets.model import Preset
from stcn_plugin.presets.resolve import TracedPreset

_FURTHEST_NOTE = 36  # so that one long value does not push all notes off the screen


def preset_yaml(preset: Preset) -> str:
    """Return settings as the text of a preset file.

    Args:
        preset: The settings.
    """
    return "".join(f"{line}\n" for _, line in _lines(preset))


def traced_yaml(traced: TracedPreset) -> str:
    """Return settings as the text of a preset file, with the origin of each value: ``interval: 3  # hero.yaml:4``.

    Args:
        traced: The preset. Files of the same name are noted with their full paths.
    """
    labels = {str(path): _label(path, traced.files) for path in traced.files}
    head = [f"# {line}" for line in (traced.description or "").splitlines()]
    head.append(f"# from {', '.join(_in_full(path) for path in traced.files)}")
    body = []
    for path, line in _lines(traced.preset):
        origin = traced.origins.get(path)
        if origin and not line.endswith(":"):
            note = f"{labels.get(origin.source, origin.source)}{'' if origin.line is None else f':{origin.line}'}"
            body.append((line, f"  # {note}"))
        else:
            body.append((line, ""))
    column = max(len(line) for line, _ in body if len(line) <= _FURTHEST_NOTE)
    return "".join(f"{line}\n" for line in (*head, *(f"{line:<{column}}{note}".rstrip() for line, note in body)))


def _lines(preset: Preset) -> Iterator[tuple[KeyPath, str]]:
    """Yield each key and group with its line of YAML."""
    schema = Preset.model_json_schema()
    for key, value in preset:
        if isinstance(value, BaseModel):
            yield (key,), f"{key}:"
            for inner, setting in value:
                words = choices(schema, schema_at(schema, (key, inner)) or {})
                yield (key, inner), f"  {inner}: {_written('all' if setting is None and 'all' in words else setting)}"
        else:
            yield (key,), f"{key}: {_written(int(value) if key == 'size' and value.isdecimal() else value)}"


def _written(value: object) -> str:
    """Return a value as YAML, quoted if necessary."""
    return yaml.safe_dump([value], default_flow_style=True, width=float("inf"), allow_unicode=True).strip()[1:-1]


def _label(path: Path, files: Sequence[Path]) -> str:
    """Return a file's name, with its folder if another file has the same name."""
    same = [other for other in files if other.name == path.name]
    return path.name if len(same) == 1 else _in_full(path)


def _in_full(path: Path) -> str:
    return f"built-in {path.name}" if path.parent == builtin_folder() else str(path)
