"""JSON schemas of presets and shot files, for editors that complete and check keys."""

from __future__ import annotations

from typing import Any, Literal

from stcn_plugin.presets.model import PresetFile
from stcn_plugin.shot.model import ShotFile

Kind = Literal["preset", "shot"]


def json_schema(kind: Kind) -> dict[str, Any]:
    """Return the JSON schema of a preset or of a shot file.

    Args:
        kind: ``preset`` or ``shot``.
    """
    schema = (ShotFile if kind == "shot" else PresetFile).model_json_schema()
    # An extended file may have the required keys, and an editor sees one file at a time.
    schema.pop("required", None)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"stcn {kind} file" if kind == "shot" else "stcn preset",
        **{key: value for key, value in schema.items() if key != "title"},
    }
