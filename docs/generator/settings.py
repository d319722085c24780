"""``settings.md`` and ``training-settings.md``: every key of presets, shot files and training configurations."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from generator.text import markdown, table
from stcn_plugin.config.wording import Schema, accepts, choices, schema_at
from stcn_plugin.presets.model import SHOT_KEYS, Preset, PresetFile
from stcn_plugin.shot.model import KeyframeEntry, ObjectSpan, ShotFile
from stcn_plugin.training.config import Folder, Pretrained, Source, TrainingConfig
from stcn_plugin.training.edges.config import EdgeTrainingConfig

_INTRO = """\
# Settings

Every key of a preset and of a shot file, with its default and when to change it.
[Presets and shot files](../how-to/presets-and-shot-files.md) describes how the files work, where presets are found and
which setting takes precedence.
`stcn presets show NAME` prints the settings of a preset with the file and line that each comes from.
"""

_TRAINING_INTRO = """\
# Training settings

Every key of the YAML file of `stcn train`, with its default. `stcn train --settings` prints the same list.
[Train and fine-tune weights](../how-to/train-and-fine-tune.md) shows how to write one.
"""


_EDGES_INTRO = """\
## The edge network

Every key of a configuration with `network: edges`.
"""


def settings_page() -> str:
    """Return the page of presets and shot files."""
    schema = ShotFile.model_json_schema()
    parts = [
        _INTRO,
        "## Keys of a shot file\n",
        "Relative paths start at the folder of the shot file; `~` is the home folder.\n",
    ]
    for key in SHOT_KEYS:
        parts.append(_entry(schema, ShotFile, key))
        if key == "keyframes":
            parts += ["A group for one keyframe file has these keys:\n", _keys_of(KeyframeEntry), ""]
        if key == "objects":
            parts += [
                "A group for one object has these keys; `ball: 1028-1060` is short for `ball: {range: 1028-1060}`:\n",
                _keys_of(ObjectSpan),
                "",
            ]
    parts.append("## Keys of presets and shot files\n")
    parts += [_entry(schema, PresetFile, key) for key in ("extends", "description")]
    parts.append("## Settings of presets and shot files\n")
    parts.append("Set them in a preset, in a shot file, or with `--set`. `a.b` is the key `b` in the group `a`.\n")
    parts += _groups(schema, Preset)
    return "\n".join(parts)


def training_settings_page() -> str:
    """Return the page of training configurations."""
    schema = TrainingConfig.model_json_schema()
    parts = [_TRAINING_INTRO, *_groups(schema, TrainingConfig)]
    for title, model in (("clips and stills", Source), ("elements and validation clips", Folder)):
        parts += [f"### A folder of {title}\n", _keys_of(model), ""]
    parts += ["### Pretrained weights\n", _keys_of(Pretrained), "", _EDGES_INTRO]
    parts += _groups(EdgeTrainingConfig.model_json_schema(), EdgeTrainingConfig)
    return "\n".join(parts)


def _groups(schema: Schema, model: type[BaseModel]) -> Iterator[str]:
    """Yield the single settings of a model, then its groups."""
    groups = {name: group for name in model.model_fields if (group := _group(model, name))}
    for name in model.model_fields:
        if name not in groups:
            yield _entry(schema, model, name)
    for name, group in groups.items():
        yield f"### {name}\n"
        yield f"{markdown(group.__doc__ or '')}\n"
        for key in group.model_fields:
            yield _entry(schema, group, key, prefix=f"{name}.")


def _group(model: type[BaseModel], name: str) -> type[BaseModel] | None:
    kind = model.model_fields[name].annotation
    default = model.model_fields[name].default
    if default is None or not isinstance(kind, type) or not issubclass(kind, BaseModel):
        return None
    return kind


def _entry(schema: Schema, model: type[BaseModel], name: str, *, prefix: str = "") -> str:
    key = f"{prefix}{name}"
    node = schema_at(schema, tuple(key.split("."))) or {}
    field = model.model_fields[name]
    text = markdown(field.description or "")
    if field.is_required():
        line = "Required."
    elif name in SHOT_KEYS:
        line = f"Default `{_default(node)}`."
    else:
        line = f"Default `{_default(node)}`. Accepts {_accepts(schema, node)}."
    return f"#### `{key}`\n\n{line}\n\n{text}\n"


def _keys_of(model: type[BaseModel]) -> str:
    rows = [
        (
            f"`{name}`",
            "required" if field.is_required() else f"`{_yaml(field.default)}`",
            markdown(field.description or ""),
        )
        for name, field in model.model_fields.items()
    ]
    return table(("key", "default", "meaning"), rows)


def _default(node: Schema) -> str:
    value = node.get("default", {})
    if value is None and any(form.get("const") == "all" for form in node.get("anyOf", ())):
        value = "all"
    return _yaml(int(value) if isinstance(value, str) and value.isdecimal() else value)


def _accepts(schema: Schema, node: Schema) -> str:
    """Return what a setting accepts, as error messages say it, with the literal values marked as code."""
    words = [*choices(schema, node), *node.get("examples", ())]
    if "enum" in node:
        *most, last = (f"`{word}`" for word in node["enum"])
        return f"{', '.join(most)} or {last}"
    text = accepts(schema, node)
    for form in node.get("anyOf", ()):
        words += form.get("examples", ())
    literal = "|".join(sorted(map(re.escape, words), key=len, reverse=True))
    text = (
        re.sub(rf"'({literal})'|(?<!\w)({literal})(?!\w)", lambda match: f"`{match[1] or match[2]}`", text)
        if words
        else text
    )
    return f"{text}, or `null`" if any(form.get("type") == "null" for form in node.get("anyOf", ())) else text


def _yaml(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value or "''"
    return "[]" if value == () else json.dumps(value)
