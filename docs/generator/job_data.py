"""``job-data.md``: the dataclasses that host and worker exchange, field by field."""

from __future__ import annotations

import json
from dataclasses import MISSING, Field, fields
from typing import Any

from generator.text import parse_docstring, table
from stcn_plugin.bridge.assessment import Assessment, DoubtfulFrame, Problem
from stcn_plugin.bridge.build import BuildOptions, Estimate, Plan, PlannedSegment
from stcn_plugin.bridge.description import Choice, Description
from stcn_plugin.bridge.job import JobRequest, KeyframeFile, Progress, Setting, json_of
from stcn_plugin.bridge.report import EdgeSummary, FlickerSummary, Report, WeightsUsed

_CLASSES = (
    JobRequest,
    KeyframeFile,
    Setting,
    BuildOptions,
    Progress,
    Report,
    Plan,
    PlannedSegment,
    Estimate,
    Assessment,
    DoubtfulFrame,
    Problem,
    WeightsUsed,
    FlickerSummary,
    EdgeSummary,
    Description,
    Choice,
)

_INTRO = """\
# Job data

The data of a job that host and worker exchange. The classes are frozen dataclasses in `stcn_plugin.bridge`; hooks
receive and return them. Over the pipe they are JSON objects with the same keys: tuples are lists, mappings are objects,
and a field with a default may be left out. Paths are strings. Messages contain file names, never pixels.
"""

_EXAMPLE = JobRequest(
    plate="plates/sh010.####.exr",
    keyframes=(KeyframeFile(1001, "roto/sh010.1001.exr:hero.A"), KeyframeFile(1060, "roto/ids.1060.png", {"hero": 1})),
    out="mattes/sh010.####.exr",
    range="1001-1100",
    preset="hero",
)


def page() -> str:
    """Return the page."""
    parts = [_INTRO]
    for each in _CLASSES:
        parsed = parse_docstring(each)
        rows = [
            (f"`{field.name}`", f"`{field.type}`", _default(field), parsed.entries[field.name])
            for field in fields(each)
        ]
        parts += [f"## {each.__name__}\n", f"{parsed.prose}\n", table(("field", "type", "default", "meaning"), rows)]
        if each is JobRequest:
            defaults = json_of(JobRequest())
            given = {key: value for key, value in json_of(_EXAMPLE).items() if value != defaults[key]}
            parts += ["\nA request as JSON:\n", f"```json\n{json.dumps(given, indent=2)}\n```"]
        parts.append("")
    return "\n".join(parts)


def _default(field: Field[Any]) -> str:
    if field.default is not MISSING:
        return f"`{field.default!r}`"
    if field.default_factory is not MISSING:
        return f"`{field.default_factory()!r}`"
    return "required"
