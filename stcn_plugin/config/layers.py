"""Layers of settings, stacked; each value keeps its origin."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TypeAlias

from stcn_plugin.bridge.job import Setting, parse_settings
from stcn_plugin.config.yaml_source import Document, Key, KeyPath, Value, key_of, parse_value
from stcn_plugin.errors import PresetError


@dataclass(frozen=True)
class Origin:
    """The origin of a value: where it was set.

    >>> str(Origin("shots/hero.yaml", line=4))
    'shots/hero.yaml:4'

    Args:
        source: A file, or a flag or argument as the user wrote it.
        line: Line of the file, from 1; ``None`` for flags and arguments.
        folder: Folder that relative paths in the value start from.
        names: The key that ``source`` already names, so that messages do not repeat it.
    """

    source: str
    line: int | None = None
    folder: Path = field(default_factory=Path.cwd)
    names: KeyPath | None = None

    def __str__(self) -> str:
        return self.source if self.line is None else f"{self.source}:{self.line}"


Origins: TypeAlias = Mapping[KeyPath, Origin]
"""Origin of each key, by path from the top."""


@dataclass
class _Node:
    """A value and its origin. Groups and lists hold nodes."""

    value: Value = None
    origin: Origin | None = None
    keys: dict[Key, _Node] | None = None
    items: list[_Node] | None = None

    @property
    def is_empty(self) -> bool:
        return self.keys is None and self.items is None and self.value is None

    @property
    def plain(self) -> Value:
        if self.keys is not None:
            return {key: node.plain for key, node in self.keys.items()}
        return [node.plain for node in self.items] if self.items is not None else self.value

    def below(self, key: Key) -> _Node | None:
        if self.keys is not None:
            return self.keys.get(key)
        if self.items is None or not isinstance(key, int) or not 0 <= key < len(self.items):
            return None
        return self.items[key]


class Layer:
    """Settings as plain values, possibly invalid or incomplete. Immutable.

    Args:
        data: Nested mappings.
        origins: Origin of each key, by path from the top.
    """

    def __init__(
        self, data: Mapping[Key, Value] = MappingProxyType({}), origins: Origins = MappingProxyType({})
    ) -> None:
        self._keys = {key: _node(value, (key,), origins) for key, value in data.items()}

    @classmethod
    def stacked(cls, layers: Iterable[Layer]) -> Layer:
        """Stack layers, the lowest one first, in time linear in the number of values.

        Mappings are merged; all other values are replaced. An empty mapping (``memory:`` with nothing below it)
        overrides nothing.
        """
        stack = cls()
        for layer in layers:
            _stack(layer._keys, stack._keys)  # in place: the stack is not shared yet
        return stack

    @cached_property
    def data(self) -> Mapping[Key, Value]:
        """The values, as nested mappings."""
        return {key: node.plain for key, node in self._keys.items()}

    @cached_property
    def origins(self) -> Origins:
        """Origin of each key and item, by path from the top."""
        return dict(_origins(_Node(keys=self._keys), ()))

    def over(self, lower: Layer) -> Layer:
        """Return this layer stacked on another."""
        return Layer.stacked((lower, self))

    def without(self, keys: Iterable[Key]) -> Layer:
        """Return this layer without some of its top-level keys."""
        dropped = set(keys)
        layer = Layer()
        layer._keys = {key: node for key, node in self._keys.items() if key not in dropped}
        return layer

    def origin(self, path: KeyPath) -> Origin | None:
        """Return the origin of a key, or of the nearest group around it."""
        node: _Node | None = _Node(keys=self._keys)
        found: Origin | None = None
        for key in path:
            node = node.below(key) if node else None
            if node is None:
                break
            found = node.origin or found
        return found


def file_layer(document: Document) -> Layer:
    """Return the content of a file as a layer."""
    folder = document.path.parent.absolute()
    return Layer(
        document.data,
        {path: Origin(str(document.path), line, folder) for path, line in document.lines.items()},
    )


def override_layer(overrides: Sequence[str], flag: str = "--set") -> Layer:
    """Return settings such as ``memory.interval=3`` as a layer; later ones take precedence.

    Args:
        overrides: ``KEY=VALUE`` texts, the key with dots between its parts.
        flag: Their name in error messages.

    Raises:
        PresetError: One has no ``=``, no key, or an unfinished list as its value; names the flag.
    """
    return settings_layer(parse_settings(overrides, flag))


def settings_layer(settings: Mapping[str, Setting]) -> Layer:
    """Return the settings of a request as a layer; later ones take precedence.

    Args:
        settings: Key, with dots between its parts, to the setting.

    Raises:
        PresetError: A key or a value is not YAML; names the setting's origin.
    """
    layers = []
    for key, setting in settings.items():
        try:
            path: KeyPath = tuple(key_of(part.strip()) for part in key.split("."))
            value = parse_value(setting.value) if setting.is_yaml else setting.value
        except ValueError as error:
            raise PresetError(f"a key {error}", where=setting.origin) from None
        except PresetError as error:
            raise PresetError(error.what, where=setting.origin, fix=error.fix) from None
        layers.append(value_layer(path, value, setting.origin))
    return Layer.stacked(layers)


def value_layer(path: KeyPath, value: Value, source: str) -> Layer:
    """Return one value, given by a flag or an argument, as a layer.

    Args:
        path: Its key.
        value: The value.
        source: The flag or argument as the user wrote it.
    """
    origin = Origin(source, names=path)
    origins = {path[: length + 1]: origin for length in range(len(path))}
    data: dict[Key, Value] = {path[-1]: value}
    for key in reversed(path[:-1]):
        data = {key: data}
    return Layer(data, origins)


def _node(value: Value, path: KeyPath, origins: Origins) -> _Node:
    """Return a value as a tree, each part with its origin."""
    origin = origins.get(path)
    if isinstance(value, dict):
        keys = {key: _node(inner, (*path, key), origins) for key, inner in value.items()}
        return _Node(origin=origin, keys=keys)
    if isinstance(value, list):
        items = [_node(inner, (*path, index), origins) for index, inner in enumerate(value)]
        return _Node(origin=origin, items=items)
    return _Node(value, origin)


def _stack(upper: Mapping[Key, _Node], into: dict[Key, _Node]) -> None:
    """Stack keys on others, in place. Groups are copied, so the upper layer stays unchanged."""
    for key, node in upper.items():
        below = into.get(key)
        group = below.keys if below is not None else None
        if group is not None and node.is_empty:
            continue
        if node.keys is None:
            into[key] = node
            continue
        if below is None or group is None:
            group = {}
            below = into[key] = _Node(keys=group)
        _stack(node.keys, group)
        below.origin = node.origin or below.origin


def _origins(node: _Node, path: KeyPath) -> Iterator[tuple[KeyPath, Origin]]:
    if node.origin:
        yield path, node.origin
    inside = node.keys.items() if node.keys is not None else enumerate(node.items or ())
    for key, inner in inside:
        yield from _origins(inner, (*path, key))
