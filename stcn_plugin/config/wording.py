"""Descriptions of the values that a setting accepts, from the JSON schema, and suggestions for misspelt words."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, TypeAlias

from stcn_plugin.config.yaml_source import Key, KeyPath

Schema: TypeAlias = Mapping[str, Any]

_MOST_COMPARED = 200
_LONGEST_COMPARED = 100


def schema_at(schema: Schema, path: KeyPath) -> Schema | None:
    """Return the part of a JSON schema that describes a key, or ``None`` if there is no such key."""
    node: Schema | None = schema
    for key in path:
        node = next((child for form in _forms(schema, node) if (child := _child(form, key))), None)
    return node


def keys_at(schema: Schema, path: KeyPath) -> tuple[str, ...]:
    """Return the keys of the group at ``path``."""
    node = schema_at(schema, path)
    return tuple(key for form in _forms(schema, node) for key in form.get("properties", ()))


def settings_of(schema: Schema) -> tuple[str, ...]:
    """Return every setting as a dotted key, without the groups."""

    def below(node: Schema, prefix: str) -> Iterator[str]:
        for key, child in node.get("properties", {}).items():
            groups = [form for form in _forms(schema, child) if "properties" in form]
            if groups and len(groups) == len(list(_forms(schema, child))):
                yield from below(groups[0], f"{prefix}{key}.")
            else:
                yield f"{prefix}{key}"

    return tuple(below(schema, ""))


def accepts(schema: Schema, node: Schema) -> str:
    """Describe the valid values: ``a whole number of at least 1 or 'all'``."""
    return _listed([_one(form) for form in _forms(schema, node) if form.get("type") != "null"])


def choices(schema: Schema, node: Schema) -> tuple[str, ...]:
    """Return the literal words among the values that a setting accepts."""
    found: list[str] = []
    for form in _forms(schema, node):
        found += form.get("enum", [form["const"]] if "const" in form else [])
    return tuple(found)


def nearest(word: object, known: Iterable[str]) -> str | None:
    """Return the known word whose spelling is closest to ``word``, if any is close. At most 200 words are compared."""
    by_lower = {candidate.lower(): candidate for candidate in islice(known, _MOST_COMPARED)}
    found = difflib.get_close_matches(str(word)[:_LONGEST_COMPARED].lower().replace("-", "_"), by_lower, n=1)
    return by_lower[found[0]] if found else None


def shown(value: object) -> str:
    """Return a value as in YAML, shortened for a message."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return "a group of keys"
    if isinstance(value, list):
        return "a list"
    text = str(value)
    text = text if len(text) <= 60 else f"{text[:57]}..."
    return f"'{text}'" if isinstance(value, str) else text


def _forms(schema: Schema, node: Schema | None) -> Iterator[Schema]:
    """Yield the alternatives of a schema node, following references."""
    if node is None:
        return
    if "$ref" in node:
        yield from _forms(schema, schema["$defs"][node["$ref"].rpartition("/")[2]])
    elif "anyOf" in node:
        for form in node["anyOf"]:
            yield from _forms(schema, form)
    else:
        yield node


def _child(node: Schema, key: Key) -> Schema | None:
    if isinstance(key, int) and "prefixItems" in node:
        child = dict(enumerate(node["prefixItems"])).get(key)
    elif isinstance(key, int) and "items" in node:
        child = node["items"]
    else:
        child = node.get("properties", {}).get(key, node.get("additionalProperties"))
    return child if isinstance(child, Mapping) else None


def _one(node: Schema) -> str:
    """Describe one alternative."""
    if "enum" in node:
        return f"one of {_listed([str(choice) for choice in node['enum']])}"
    if "const" in node:
        return f"'{node['const']}'"
    if "properties" in node:
        return f"a group with the keys {', '.join(node['properties'])}"
    if node["type"] == "array":
        return _list(node)
    kind = {
        "integer": "a whole number",
        "number": "a number",
        "boolean": "yes or no",
        "object": "a group of keys",
        "string": "text",
    }[node["type"]]
    if "pattern" in node and "examples" in node:
        return _listed([str(example) for example in node["examples"]])
    if "multipleOf" in node:
        kind = f"{kind} that is a multiple of {node['multipleOf']:g},"
    low = {"minimum": "at least", "exclusiveMinimum": "more than"}
    high = {"maximum": "at most", "exclusiveMaximum": "less than"}
    bounds = [f"{words} {node[bound]:g}" for bound, words in (low | high).items() if bound in node]
    return f"{kind} of {' and '.join(bounds)}" if bounds else kind


def _list(node: Schema) -> str:
    """Describe a list."""
    if entries := node.get("prefixItems"):
        kinds = {_one(each) for each in entries if "type" in each}
        each = f", each {kinds.pop()}" if len(kinds) == 1 else ""
        return f"a list of {len(entries)} values{each}"
    least = node.get("minItems", 0)
    return f"a list with at least {least} {'entry' if least == 1 else 'entries'}" if least else "a list"


def _listed(words: list[str]) -> str:
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
