"""Validation: reports everything that is wrong with a YAML file in one error, each problem with its file and line."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from types import MappingProxyType
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from stcn_plugin.config.layers import Layer
from stcn_plugin.config.wording import Schema, accepts, choices, keys_at, nearest, schema_at, settings_of, shown
from stcn_plugin.config.yaml_source import Key, KeyPath
from stcn_plugin.errors import PresetError

Model = TypeVar("Model", bound=BaseModel)

_MOST_SHOWN = 20
_UNKNOWN = ("extra_forbidden", "invalid_key")


@dataclass(frozen=True)
class Problem:
    """One problem of a layer.

    Args:
        path: Path of the key.
        what: What is wrong with it.
        fix: What the user can do.
    """

    path: KeyPath
    what: str
    fix: str | None = None


def validated(
    model: type[Model],
    layer: Layer,
    subject: str,
    *,
    found: Sequence[PresetError] = (),
    check: Callable[[Model], Iterable[Problem]] = lambda _: (),
    elsewhere: Mapping[str, str] = MappingProxyType({}),
) -> Model:
    """Validate a layer against a model.

    Args:
        model: The model.
        layer: The layer. Its origins locate each problem.
        subject: What is validated, for problems without an origin.
        found: Earlier problems to report as well.
        check: Yields problems between keys that are each valid.
        elsewhere: Top-level keys of other files, each with the kind of file it belongs in.

    Raises:
        PresetError: Lists the problems, at most 20 of them.
    """
    try:
        made = model.model_validate(dict(layer.data))
    except ValidationError as error:
        problems, more = _problems_of(error, layer, model.model_json_schema(), elsewhere)
        raise preset_error(problems, layer, subject, found=found, more=more) from None
    # No more than are reported: finding the nearest spelling for each takes time.
    problems = list(islice(check(made), _MOST_SHOWN + 1))
    if problems or found:
        raise preset_error(problems[:_MOST_SHOWN], layer, subject, found=found, more=len(problems) > _MOST_SHOWN)
    return made


def preset_error(
    problems: Iterable[Problem], layer: Layer, subject: str, *, found: Sequence[PresetError] = (), more: bool = False
) -> PresetError:
    """Return one error with all problems, in the order of their lines.

    Args:
        problems: The problems; at least one if ``found`` is empty.
        layer: The layer with their keys.
        subject: What they are about, such as the file.
        found: Earlier errors to list first.
        more: Whether there are more problems.
    """
    ordered = sorted(problems, key=lambda each: _place(each.path, layer))
    errors = [*found, *(_error(problem, layer, subject) for problem in ordered)]
    if len(errors) == 1 and not more:
        return errors[0]
    lines = "".join(f"\n  {error}" for error in errors)
    count = f"more than {len(errors)}" if more else str(len(errors))
    return PresetError(f"{count} problems{lines}".removesuffix("."), where=subject)


def _error(problem: Problem, layer: Layer, subject: str) -> PresetError:
    origin = layer.origin(problem.path)
    named = origin is not None and origin.names == problem.path
    key = "" if named else f"{'.'.join(map(_key_text, problem.path))}: "
    return PresetError(f"{key}{problem.what}", where=str(origin or subject), fix=problem.fix)


def _key_text(key: Key) -> str:
    text = str(key)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _place(path: KeyPath, layer: Layer) -> tuple[str, int]:
    origin = layer.origin(path)
    return (origin.source, origin.line or 0) if origin else ("", 0)


def _problems_of(
    error: ValidationError, layer: Layer, schema: Schema, elsewhere: Mapping[str, str]
) -> tuple[list[Problem], bool]:
    """Return pydantic's errors in plain words, one per key, and whether there are more.

    A missing key that is present under another spelling is one problem, not two.
    """
    details: dict[KeyPath, tuple[ErrorDetails, object]] = {}
    for each in error.errors(include_url=False):
        path, value = _found(each["loc"], layer)
        if _is_missing_key(each):
            path = (*path, each["loc"][-1])
        if path not in details or details[path][0]["type"] == "missing":
            details[path] = each, value
    unknown: dict[KeyPath, list[Key]] = {}
    for path, (each, _) in details.items():
        if each["type"] in _UNKNOWN:
            unknown.setdefault(path[:-1], []).append(path[-1])
    problems: list[Problem] = []
    for path in sorted(details, key=lambda path: _place(path, layer)):
        each, value = details[path]
        if each["type"] == "too_short" and any(other[: len(path)] == path != other for other in details):
            continue  # pydantic does not count entries with problems
        if each["type"] == "missing" and _is_misspelt(path, unknown.get(path[:-1], ()), schema):
            continue
        if len(problems) == _MOST_SHOWN:
            return problems, True
        if each["type"] in _UNKNOWN and len(path) == 1 and str(path[0]) in elsewhere:
            problems.append(Problem(path, f"belongs in {elsewhere[str(path[0])]}", "Move it there"))
            continue
        problems.append(_problem(path, value, each, schema))
    return problems, False


def _problem(path: KeyPath, value: object, details: ErrorDetails, schema: Schema) -> Problem:
    """Return one of pydantic's errors in plain words."""
    kind = details["type"]
    if _is_missing_key(details):
        example = (schema_at(schema, path) or {}).get("examples", [None])[0]
        return Problem(path, "is missing", f"Write it like {path[-1]}: {example}" if example else None)
    if kind in _UNKNOWN:
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
    if isinstance(value, list) and kind in ("too_short", "too_long", "missing"):
        return Problem(path, f"should be {wanted}, got {f'a list of {len(value)}' if value else 'an empty list'}")
    guess = nearest(value, choices(schema, node)) if node and isinstance(value, str) else None
    if guess is None and wanted == "text":
        return Problem(path, f"should be {wanted}, got {shown(value)}", "Put it into quotes")
    return Problem(path, f"should be {wanted}, got {shown(value)}", _perhaps(guess))


def _is_missing_key(details: ErrorDetails) -> bool:
    """Whether a key is missing, rather than an entry of a list."""
    return details["type"] == "missing" and isinstance(details["loc"][-1], str)


def _unknown(path: KeyPath, schema: Schema) -> Problem:
    """Report an unknown key, with the one that was probably meant."""
    *group, key = path
    here = keys_at(schema, tuple(group))
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


def _is_misspelt(missing: KeyPath, unknown: Iterable[Key], schema: Schema) -> bool:
    """Return whether a missing key is present under another spelling, which is reported already."""
    known = keys_at(schema, missing[:-1])
    return any(nearest(key, known) == missing[-1] for key in islice(unknown, _MOST_SHOWN))


def _nested(dotted: str) -> str:
    group, _, key = dotted.rpartition(".")
    return f"'{key}' under '{group}'" if group else f"'{key}' at the top level"


def _perhaps(guess: str | None) -> str | None:
    return f"Perhaps you meant '{guess}'" if guess else None


def _found(location: Sequence[Key], layer: Layer) -> tuple[KeyPath, object]:
    """Return the key at a location of pydantic, and its value.

    Locations also contain alternatives of a type and list items that the user did not write. They are skipped.
    """
    path: KeyPath = ()
    value: object = layer.data
    for part in location:
        if isinstance(value, Mapping):
            key = part if part in value else _other_form(part)
            if key in value:
                path, value = (*path, key), value[key]
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            path, value = (*path, part), value[part]
    return path, value


def _other_form(part: Key) -> Key:
    """Return the other form of a key, text or number: pydantic turns numbers into text."""
    if isinstance(part, int):
        return str(part)
    return int(part) if part.isdecimal() and len(part) < 20 else part
