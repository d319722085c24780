"""Layers of settings, one over the other, each value remembering who said it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from stcn_plugin.errors import PresetError
from stcn_plugin.presets.yaml_source import Document, Key, KeyPath, Value, key_of, parse_value


@dataclass(frozen=True)
class Origin:
    """Who said a value.

    >>> str(Origin("shots/hero.yaml", line=4))
    'shots/hero.yaml:4'

    Args:
        source: A file, or a flag or argument as the user wrote it.
        line: Line of the file, from 1; ``None`` for flags and arguments.
        folder: Where relative paths in the value start.
        names: The key that a flag or argument already names, so that messages need not repeat it.
    """

    source: str
    line: int | None = None
    folder: Path = field(default_factory=Path.cwd)
    names: KeyPath | None = None

    def __str__(self) -> str:
        return self.source if self.line is None else f"{self.source}:{self.line}"


@dataclass(frozen=True)
class Layer:
    """Settings as plain values, perhaps wrong and perhaps incomplete.

    Args:
        data: Nested mappings.
        origins: Who said each key, by path from the top.
    """

    data: Mapping[Key, Value] = field(default_factory=dict)
    origins: Mapping[KeyPath, Origin] = field(default_factory=dict)

    def over(self, lower: Layer) -> Layer:
        """Return this layer laid over another: mappings merge, everything else replaces.

        A mapping left empty (``memory:`` with nothing below it) says nothing and hides nothing.
        """
        data, origins = dict(lower.data), dict(lower.origins)
        _lay(self, self.data, data, origins, ())
        return Layer(data, origins)

    def without(self, keys: Iterable[Key]) -> Layer:
        """Return this layer without some of its top-level keys."""
        dropped = set(keys)
        return Layer(
            {key: value for key, value in self.data.items() if key not in dropped},
            {path: origin for path, origin in self.origins.items() if path[0] not in dropped},
        )

    def origin(self, path: KeyPath) -> Origin | None:
        """Return who said a key, else who said the nearest group around it."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.origins:
                return self.origins[path[:length]]
        return None


def file_layer(document: Document) -> Layer:
    """Return what a file says, as a layer."""
    folder = document.path.parent.absolute()
    return Layer(
        document.data,
        {path: Origin(str(document.path), line, folder) for path, line in document.lines.items()},
    )


def override_layer(overrides: Sequence[str], flag: str = "--set") -> Layer:
    """Return what ``memory.interval=3`` and its like say, as a layer; the last one wins.

    Args:
        overrides: ``KEY=VALUE`` texts, the key with dots between its parts.
        flag: How messages name them.

    Raises:
        PresetError: One has no ``=``, no key, or an unfinished list as its value; names the flag.
    """
    layer = Layer()
    for text in overrides:
        key, equals, written = text.partition("=")
        parts = [part.strip() for part in key.split(".")]
        if not equals or not all(parts):
            fix = "Write it as KEY=VALUE, such as memory.interval=3"
            raise PresetError("is not a setting and its value", where=f"{flag} {text}", fix=fix)
        path: KeyPath = tuple(key_of(part) for part in parts)
        try:
            value = parse_value(written)
        except PresetError as error:
            raise PresetError(error.what, where=f"{flag} {text}", fix=error.fix) from None
        layer = value_layer(path, value, f"{flag} {text}").over(layer)
    return layer


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


def _lay(
    upper: Layer, values: Mapping[Key, Value], into: dict[Key, Value], origins: dict[KeyPath, Origin], at: KeyPath
) -> None:
    """Lay ``values``, which stand at ``at`` in the upper layer, over ``into``, in place."""
    for key, value in values.items():
        path = (*at, key)
        below = into.get(key)
        if isinstance(below, dict) and value is None:
            continue
        if isinstance(value, dict) and (below is None or isinstance(below, dict)):
            merged = dict(below or {})
            _lay(upper, value, merged, origins, path)
            into[key] = merged
        else:
            if isinstance(below, dict | list):
                for stale in [known for known in origins if known[: len(path)] == path]:
                    del origins[stale]
            if isinstance(value, dict | list):
                origins.update({known: origin for known, origin in upper.origins.items() if known[: len(path)] == path})
            into[key] = value
        if path in upper.origins:
            origins[path] = upper.origins[path]
