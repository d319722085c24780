"""Everything that is wrong with a preset or shot file, in one error, each problem with its file and line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from stcn_plugin.errors import PresetError
from stcn_plugin.presets.layers import Layer
from stcn_plugin.presets.model import SHOT_KEYS
from stcn_plugin.presets.wording import Schema, accepts, choices, keys_at, nearest, schema_at, settings_of, shown
from stcn_plugin.presets.yaml_source import Key, KeyPath

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong.

    Args:
        path: The key it is about.
        what: What is wrong with it.
        fix: What the user can do.
    """

    path: KeyPath
    what: str
    fix: str | None = None


def validated(model: type[Model], layer: Layer, subject: str) -> Model:
    """Turn a layer into a model.

    Args:
        model: What the layer should say.
        layer: The layer; its origins tell where each problem is.
        subject: What is validated, for problems that have no place of their own.

    Raises:
        PresetError: Lists every problem.
    """
    try:
        return model.model_validate(dict(layer.data))
    except ValidationError as error:
        schema = model.model_json_schema()
        problems: dict[KeyPath, Problem] = {}
        for details in sorted(error.errors(), key=lambda each: each["type"] == "missing"):
            problem = _problem(details, layer, schema)
            if details["type"] != "missing" or not _misspelt(problem.path, problems, schema):
                problems.setdefault(problem.path, problem)
    raise preset_error(list(problems.values()), layer, subject)


def preset_error(problems: Sequence[Problem], layer: Layer, subject: str) -> PresetError:
    """Return one error that tells all problems, in the order of their lines.

    Args:
        problems: At least one.
        layer: Where their keys are.
        subject: What they are about, such as the file.
    """
    told = [_told(problem, layer, subject) for problem in sorted(problems, key=lambda each: _place(each, layer))]
    if len(told) == 1:
        return told[0]
    lines = "".join(f"\n  {error}" for error in told)
    return PresetError(f"{len(told)} problems{lines}".removesuffix("."), where=subject)


def _told(problem: Problem, layer: Layer, subject: str) -> PresetError:
    origin = layer.origin(problem.path)
    named = origin is not None and origin.names == problem.path
    key = "" if named else f"{'.'.join(map(str, problem.path))}: "
    return PresetError(f"{key}{problem.what}", where=str(origin or subject), fix=problem.fix)


def _place(problem: Problem, layer: Layer) -> tuple[str, int]:
    origin = layer.origin(problem.path)
    return (origin.source, origin.line or 0) if origin else ("", 0)


def _problem(details: ErrorDetails, layer: Layer, schema: Schema) -> Problem:
    """Say one of pydantic's errors in plain words."""
    path, value = _found(details["loc"], layer)
    kind = details["type"]
    if kind == "missing":
        path = (*path, details["loc"][-1])
        example = (schema_at(schema, path) or {}).get("examples", [None])[0]
        return Problem(path, "is missing", f"Write it like {path[-1]}: {example}" if example else None)
    if kind in ("extra_forbidden", "invalid_key"):
        return _unknown(path, schema)
    if details["loc"][-1] == "[key]":
        return Problem(path, "should be a frame number")
    if kind == "value_error":
        what, *fix = details["ctx"]["error"].args
        if what.startswith("should"):
            what = f"is empty, {what}" if value in (None, "") else f"{what}, got {shown(value)}"
        return Problem(path, what, *fix)
    node = schema_at(schema, path)
    wanted = accepts(schema, node) if node else details["msg"]
    if value in (None, ""):
        fix = "A value that starts with # needs quotes, or it is a comment" if "text" in wanted else None
        return Problem(path, f"is empty, should be {wanted}", fix)
    guess = nearest(value, choices(schema, node)) if node and isinstance(value, str) else None
    if guess is None and wanted == "text":
        return Problem(path, f"should be {wanted}, got {shown(value)}", "Put it into quotes")
    return Problem(path, f"should be {wanted}, got {shown(value)}", _perhaps(guess))


def _unknown(path: KeyPath, schema: Schema) -> Problem:
    """Say that a key is not known, and which one was probably meant."""
    *group, key = path
    here = keys_at(schema, tuple(group))
    if not group and key in SHOT_KEYS:
        return Problem(path, "belongs in a shot file, not in a preset", "Move it there")
    settings = settings_of(schema)
    elsewhere = [dotted for dotted in settings if dotted.rpartition(".")[2] == key]
    if elsewhere:
        fix = f"Write it as {_nested(elsewhere[0])}"
    elif guess := nearest(key, here):
        fix = f"Perhaps you meant '{guess}'"
    elif guess := nearest(key, [dotted.rpartition(".")[2] for dotted in settings]):
        dotted = next(each for each in settings if each.rpartition(".")[2] == guess)
        fix = f"Perhaps you meant {_nested(dotted)}"
    else:
        fix = f"Known here: {', '.join(here)}"
    return Problem(path, "there is no such setting", fix)


def _misspelt(missing: KeyPath, problems: Iterable[KeyPath], schema: Schema) -> bool:
    """Tell whether a missing key is there under another spelling, which is a problem already."""
    known = keys_at(schema, missing[:-1])
    return any(path[:-1] == missing[:-1] and nearest(path[-1], known) == missing[-1] for path in problems)


def _nested(dotted: str) -> str:
    group, _, key = dotted.rpartition(".")
    return f"'{key}' under '{group}'" if group else f"'{key}' at the top level"


def _perhaps(guess: str | None) -> str | None:
    return f"Perhaps you meant '{guess}'" if guess else None


def _found(location: Sequence[Key], layer: Layer) -> tuple[KeyPath, object]:
    """Return the key that pydantic's location is about, and its value.

    The location also names alternatives of a type and items of lists that the user did not write; they are skipped.
    """
    path: KeyPath = ()
    value: object = layer.data
    for part in location:
        if isinstance(value, Mapping):
            key = next((key for key in value if str(key) == str(part)), None)
            if key is not None:
                path, value = (*path, key), value[key]
        elif isinstance(value, list) and isinstance(part, int):
            path, value = (*path, part), value[part]
    return path, value
