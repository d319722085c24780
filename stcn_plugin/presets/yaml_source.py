"""YAML as people write it for presets and shot files: plain values, with the line of every key.

PyYAML parses; values are built here from its nodes, so that each key keeps its line and a key given twice is an error.
Only text, numbers, yes/no, lists and mappings exist: no tag can construct anything else.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias, Union

import yaml

from stcn_plugin.errors import PresetError
from stcn_plugin.presets.yaml_words import syntax_error

Key: TypeAlias = str | int
KeyPath: TypeAlias = tuple[Key, ...]
Value: TypeAlias = Union[str, int, float, bool, "list[Value]", "dict[Key, Value]", None]

_MOST_BYTES = 4 << 20
_MOST_VALUES = 100_000  # aliases of aliases multiply: a few hundred bytes can name billions of values
_DEEPEST = 20
_MERGE = "tag:yaml.org,2002:merge"
_DECIMAL = re.compile(r"[-+]?[0-9]{1,18}")
_EXPONENT = re.compile(r"[-+]?[0-9]+[eE][-+]?[0-9]+")


@dataclass(frozen=True)
class Document:
    """What one YAML file says.

    Args:
        path: The file, as the user named it.
        data: Its top-level mapping.
        lines: Line of each key and list item, by path from the top; lines count from 1.
    """

    path: Path
    data: Mapping[Key, Value]
    lines: Mapping[KeyPath, int]


def read_yaml(path: Path) -> Document:
    """Read a preset or shot file; an empty file is an empty mapping.

    Args:
        path: A YAML file, UTF-8 (or UTF-16 with its byte order mark).

    Raises:
        PresetError: The file cannot be read, is not text, or is not YAML of the kind we take; names file and line.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise PresetError("is too large for a preset or shot file", where=str(path), fix="Check the file name")
        raw = path.read_bytes()
    except FileNotFoundError:
        raise PresetError("there is no such file", where=str(path), fix="Check the spelling of the path") from None
    except IsADirectoryError:
        raise PresetError("is a folder, not a YAML file", where=str(path), fix="Name a file inside it") from None
    except OSError as error:
        raise PresetError(f"cannot be read ({error.strerror or error})", where=str(path)) from None
    return _parse(_decode(raw, path), path)


def parse_value(text: str) -> Value:
    """Read one value from the command line: plain text needs no quotes; ``[...]``, ``{...}`` and quotes are YAML.

    Args:
        text: What follows ``KEY=``.

    Raises:
        PresetError: A bracket or quote is not closed, or a number is absurdly long.
    """
    text = text.strip()
    if text[:1] in ("[", "{", '"', "'"):
        return _parse(f"value: {text}", Path("value")).data["value"]
    loader = yaml.SafeLoader("")
    tag = loader.resolve(yaml.ScalarNode, text, (True, False))  # type: ignore[no-untyped-call]
    try:
        return _scalar(yaml.ScalarNode(tag, text))
    except ValueError as error:
        raise PresetError(str(error), fix="Put it into quotes to mean it as text") from None


def key_of(text: str) -> Key:
    """Return a key: frames are numbers, everything else is a name, also what YAML takes for a truth value (on, no)."""
    return int(text) if _DECIMAL.fullmatch(text) else text


def _decode(raw: bytes, path: Path) -> str:
    encoding = "utf-16" if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise PresetError(
            f"is not UTF-8 text (byte 0x{raw[error.start]:02x})",
            where=f"{path}:{line}",
            fix="Save it as UTF-8 in your text editor",
        ) from None


def _parse(text: str, path: Path) -> Document:
    try:
        node = yaml.SafeLoader(text).get_single_node()
    except yaml.YAMLError as error:
        raise syntax_error(error, text, path) from None
    except RecursionError:
        raise _too_deep(path, 1) from None
    if node is None or node.tag == "tag:yaml.org,2002:null":
        return Document(path, {}, {})
    if not isinstance(node, yaml.MappingNode):
        raise PresetError(
            "should consist of lines such as 'size: 480'",
            where=f"{path}:{_line(node)}",
            fix="Write a key, a colon and a space before each value",
        )
    build = _Build(path)
    return Document(path, build.mapping(node, ()), build.lines)


@dataclass
class _Build:
    """Turns nodes into plain values, noting the line of each key."""

    path: Path
    lines: dict[KeyPath, int] = field(default_factory=dict)
    count: int = 0
    depth: int = 0

    def value(self, node: yaml.Node, at: KeyPath) -> Value:
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, at)
        if isinstance(node, yaml.SequenceNode):
            return self.sequence(node, at)
        if not isinstance(node, yaml.ScalarNode):
            raise self.error("is not YAML", node, "Check the indentation, colons and quotes")
        self.tick(node)
        try:
            return _scalar(node)
        except ValueError as error:
            raise self.error(str(error), node, "Put it into quotes to mean it as text") from None

    def sequence(self, node: yaml.SequenceNode, at: KeyPath) -> list[Value]:
        self.enter(node, "seq")
        items: list[Value] = []
        for index, item in enumerate(node.value):
            here = (*at, index)
            self.lines[here] = _line(item)
            items.append(self.value(item, here))
        self.depth -= 1
        return items

    def mapping(self, node: yaml.MappingNode, at: KeyPath) -> dict[Key, Value]:
        self.enter(node, "map")
        built: dict[Key, Value] = {}
        for source in self.merged(node):
            built = self.mapping(source, at) | built
        own: dict[Key, int] = {}
        for key_node, value_node in node.value:
            if key_node.tag == _MERGE:
                continue
            key, line = self.key(key_node), _line(key_node)
            if key in own:
                raise self.error(f"'{key}' is given twice, first on line {own[key]}", key_node, "Keep one of the two")
            here = (*at, key)
            own[key] = self.lines[here] = line
            built[key] = self.value(value_node, here)
        self.depth -= 1
        return built

    def merged(self, node: yaml.MappingNode) -> Iterator[yaml.MappingNode]:
        """Yield what ``<<: *anchor`` or ``<<: [*first, *second]`` names; keys of the first win."""
        for key_node, value_node in node.value:
            if key_node.tag == _MERGE:
                for source in value_node.value if isinstance(value_node, yaml.SequenceNode) else [value_node]:
                    if not isinstance(source, yaml.MappingNode):
                        raise self.error("'<<' should name a group of keys", key_node, "Write it as <<: *name")
                    yield source

    def tick(self, node: yaml.Node) -> None:
        self.count += 1
        if self.count > _MOST_VALUES:
            raise self.error("holds far too many values", node, "Remove the aliases (*name) that repeat each other")

    def enter(self, node: yaml.Node, kind: str) -> None:
        """Go one group deeper; an anchor that contains its own alias never ends otherwise."""
        self.tick(node)
        self.depth += 1
        if self.depth > _DEEPEST:
            raise _too_deep(self.path, _line(node))
        if node.tag != f"tag:yaml.org,2002:{kind}":
            raise self.error(_no_tag(node.tag), node, "Remove it")

    def key(self, node: yaml.Node) -> Key:
        if not isinstance(node, yaml.ScalarNode):
            raise self.error("a key should be one word", node, "Check the brackets on this line")
        return key_of(node.value) if node.style is None else str(node.value)

    def error(self, what: str, node: yaml.Node, fix: str) -> PresetError:
        return PresetError(what, where=f"{self.path}:{_line(node)}", fix=fix)


def _scalar(node: yaml.ScalarNode) -> Value:
    """Read one scalar; numbers as people mean them, not as YAML 1.1 does.

    ``0101`` is 101 (not octal), ``1e-2`` is a number, ``1:30``, ``1_000`` and dates are text.

    Raises:
        ValueError: The scalar has a tag that we do not take, or a null character.
    """
    text, kind = str(node.value), str(node.tag).removeprefix("tag:yaml.org,2002:")
    if "\0" in text:
        raise ValueError("holds a character that is not text")
    if kind == "str" and node.style is None and _EXPONENT.fullmatch(text):
        return float(text)
    if kind == "int" and _DECIMAL.fullmatch(text):
        return int(text)
    if kind in ("str", "timestamp", "value") or (kind in ("int", "float") and re.search("[:_]", text)):
        return text
    if kind in ("bool", "int", "float", "null"):
        try:
            built: Value = yaml.constructor.SafeConstructor().construct_object(node)
        except (ValueError, KeyError):  # only by an explicit tag, such as !!int five
            raise ValueError(f"'{text[:40]}' is not a value of the kind {_named(node.tag)}") from None
        return built
    raise ValueError(_no_tag(node.tag))


def _no_tag(tag: str) -> str:
    return f"'{_named(tag)}' has no place in a preset or shot file"


def _named(tag: str) -> str:
    return tag.replace("tag:yaml.org,2002:", "!!")


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _too_deep(path: Path, line: int) -> PresetError:
    return PresetError("groups lie too deep inside each other", where=f"{path}:{line}", fix="Check the indentation")
