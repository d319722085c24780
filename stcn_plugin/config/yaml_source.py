"""YAML files as plain values, with the line of every key.

PyYAML parses. The values are built here from its nodes, to keep the line of each key and to refuse duplicate keys. The
only types are text, numbers, booleans, lists and mappings; no tag can construct anything else. Size, number of values
and depth are limited during parsing, so no file takes long or much memory.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from stcn_plugin.config.yaml_errors import syntax_error
from stcn_plugin.config.yaml_scalars import (
    Key,
    KeyPath,
    Value,
    key_of,
    no_tag,
    plain_value,
    quoted_key,
    tagged_value,
    text_value,
)
from stcn_plugin.errors import PresetError, is_temporary
from stcn_plugin.regular_files import NotRegularError, TooLargeError, read_regular

__all__ = ["Document", "Key", "KeyPath", "Value", "key_of", "parse_value", "read_yaml"]

_MOST_BYTES = 4 << 20
_MOST_VALUES = 100_000  # in the file, and in all that its aliases repeat
_DEEPEST = 20
_PLAIN, _TEXT, _MERGE = "plain", "tag:yaml.org,2002:str", "tag:yaml.org,2002:merge"
_QUOTE = "Put it into quotes if it is text"


@dataclass(frozen=True)
class Document:
    """The content of a YAML file.

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
        path: A YAML file of at most 4 MB, UTF-8 (or UTF-16 with its byte order mark).

    Raises:
        PresetError: The file cannot be read, is not text, or is not YAML that is supported here. Names file and line.
    """
    where = str(path)
    try:
        raw = read_regular(path, _MOST_BYTES)
    except NotRegularError as error:
        fix = "Name a file inside it" if path.is_dir() else "Name a YAML file"
        raise PresetError(f"{error}, not a YAML file", where=where, fix=fix) from None
    except TooLargeError as error:
        raise PresetError(f"{error}, too large for a preset or shot file", where=where, fix="Check its name") from None
    except FileNotFoundError:
        raise PresetError("there is no such file", where=where, fix="Check the spelling of the path") from None
    except OSError as error:
        what = f"cannot be read ({error.strerror or error})"
        raise PresetError(what, where=where, retry=is_temporary(error)) from None
    return _parse(_decode(raw, path), path)


def parse_value(text: str) -> Value:
    """Read a value from the command line. Plain text needs no quotes; ``[...]``, ``{...}`` and quotes are YAML.

    Args:
        text: What follows ``KEY=``.

    Raises:
        PresetError: A bracket or quote is not closed, a number is too long, or a character is not text.
    """
    text = text.strip()
    if text[:1] in ("[", "{", '"', "'"):
        return _parse(f"value: {text}", Path("value")).data["value"]
    try:
        return plain_value(text)
    except ValueError as error:
        raise PresetError(str(error), fix=_QUOTE) from None


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
        node = _Loader(text, path).get_single_node()
    except yaml.YAMLError as error:
        raise syntax_error(error, text, path) from None
    if node is None or (isinstance(node, yaml.ScalarNode) and node.tag == _PLAIN and not node.value):
        return Document(path, {}, {})
    if not isinstance(node, yaml.MappingNode):
        raise PresetError(
            "should consist of lines such as 'size: 480'",
            where=f"{path}:{_line(node)}",
            fix="Write a key, a colon and a space before each value",
        )
    build = _Build(path)
    return Document(path, build.mapping(node, ()), build.lines)


class _Loader(yaml.SafeLoader):
    """Composes the nodes of a text, and limits their number and depth."""

    def __init__(self, text: str, path: Path) -> None:
        super().__init__(text)
        self._path = path
        self._limits = _Limits(path)

    def fetch_more_tokens(self) -> None:
        """Scan further. PyYAML raises bare errors for escapes and version numbers that are out of range."""
        try:
            super().fetch_more_tokens()
        except (ValueError, OverflowError):
            what = "has an escape after a backslash, or a version after %YAML, that is out of range"
            where = f"{self._path}:{self.line + 1}"
            raise PresetError(what, where=where, fix="Use / in paths, or single quotes") from None

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Compose a node. Aliases count as nodes."""
        self._limits.enter(self.peek_event().start_mark.line + 1)  # type: ignore[no-untyped-call]
        try:
            return super().compose_node(parent, index)
        finally:
            self._limits.leave()

    def resolve(self, kind: type[yaml.Node], value: str, implicit: object) -> str:
        """Return the tag of an untagged node. Unquoted scalars get a special tag, because `plain_value` reads them."""
        if kind is yaml.ScalarNode and isinstance(implicit, tuple) and implicit[0]:
            return _MERGE if value == "<<" else _PLAIN
        return str(super().resolve(kind, value, implicit))  # type: ignore[no-untyped-call]


@dataclass
class _Limits:
    """Counts values and depth."""

    path: Path
    count: int = 0
    depth: int = 0

    def enter(self, line: int) -> None:
        self.count += 1
        self.depth += 1
        where = f"{self.path}:{line}"
        if self.count > _MOST_VALUES:
            what = f"holds more than {_MOST_VALUES:,} values"
            raise PresetError(what, where=where, fix="Remove aliases (*name) that repeat each other, or split the file")
        if self.depth > _DEEPEST:
            what = f"has groups nested more than {_DEEPEST} deep"
            raise PresetError(what, where=where, fix="Check the indentation and the brackets")

    def leave(self) -> None:
        self.depth -= 1


@dataclass
class _Build:
    """Turns nodes into plain values, and records the line of each key."""

    path: Path
    lines: dict[KeyPath, int] = field(default_factory=dict)
    limits: _Limits = field(init=False)

    def __post_init__(self) -> None:
        self.limits = _Limits(self.path)

    def value(self, node: yaml.Node, at: KeyPath) -> Value:
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, at)
        if isinstance(node, yaml.SequenceNode):
            return self.sequence(node, at)
        if not isinstance(node, yaml.ScalarNode):
            raise self.error("is not YAML", node, "Check the indentation, colons and quotes")
        self.limits.enter(_line(node))
        self.limits.leave()
        text, tag = str(node.value), str(node.tag)
        try:
            if tag == _PLAIN:
                return plain_value(text)
            return text_value(text) if tag in (_TEXT, _MERGE) else tagged_value(text, tag)
        except ValueError as error:
            raise self.error(str(error), node, _QUOTE) from None

    def sequence(self, node: yaml.SequenceNode, at: KeyPath) -> list[Value]:
        self.enter(node, "seq")
        items: list[Value] = []
        for index, item in enumerate(node.value):
            here = (*at, index)
            self.lines[here] = _line(item)
            items.append(self.value(item, here))
        self.limits.leave()
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
                what = f"'{str(key)[:60]}' is given twice, first on line {own[key]}"
                raise self.error(what, key_node, "Keep one of the two")
            here = (*at, key)
            own[key] = self.lines[here] = line
            built[key] = self.value(value_node, here)
        self.limits.leave()
        return built

    def merged(self, node: yaml.MappingNode) -> Iterator[yaml.MappingNode]:
        """Yield the mappings of ``<<: *anchor`` or ``<<: [*first, *second]``, the one with the lowest priority last."""
        for key_node, value_node in node.value:
            if key_node.tag == _MERGE:
                for source in value_node.value if isinstance(value_node, yaml.SequenceNode) else [value_node]:
                    if not isinstance(source, yaml.MappingNode):
                        raise self.error("'<<' should name a group of keys", key_node, "Write it as <<: *name")
                    yield source

    def enter(self, node: yaml.Node, kind: str) -> None:
        """Go one group deeper. Limits the recursion of an anchor that contains its own alias."""
        self.limits.enter(_line(node))
        if node.tag != f"tag:yaml.org,2002:{kind}":
            raise self.error(no_tag(str(node.tag)), node, "Remove it")

    def key(self, node: yaml.Node) -> Key:
        if not isinstance(node, yaml.ScalarNode):
            raise self.error("a key should be one word", node, "Check the brackets on this line")
        try:
            return (key_of if node.style is None else quoted_key)(str(node.value))
        except ValueError as error:
            raise self.error(f"a key {error}", node, "Check the spelling of this line") from None

    def error(self, what: str, node: yaml.Node, fix: str) -> PresetError:
        return PresetError(what, where=f"{self.path}:{_line(node)}", fix=fix)


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1
