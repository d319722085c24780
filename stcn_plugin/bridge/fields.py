"""Reading JSON objects strictly: what the other side sent is checked key by key before it is believed."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

from stcn_plugin.errors import ProtocolError

Value = TypeVar("Value")


class Fields:
    """The keys of one JSON object.

    Args:
        data: The object as it was decoded.
        name: What it is, for errors.

    Raises:
        ProtocolError: It is no JSON object.
    """

    def __init__(self, data: object, name: str) -> None:
        if not isinstance(data, Mapping):
            raise ProtocolError(f"{name} is {_kind(data)}, not an object")
        self._data = cast("Mapping[str, object]", data)
        self._name = name

    def value(self, key: str, kind: type[Value]) -> Value:
        """Return a value that must be there and of this kind; an integer will do for a float.

        Raises:
            ProtocolError: It is absent or of another kind.
        """
        if key not in self._data:
            raise ProtocolError(f"{self._name} has no '{key}'")
        return self._as(kind, self._data[key], key)

    def optional(self, key: str, kind: type[Value]) -> Value | None:
        """Return a value, or ``None`` where it is absent or null."""
        return None if self._data.get(key) is None else self.value(key, kind)

    def many(self, key: str, read: Callable[[Any], Value]) -> tuple[Value, ...]:
        """Return the items of a list, each read by ``read``; none where it is absent."""
        return tuple(map(read, self.optional(key, list) or ()))

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of texts."""
        return self.many(key, lambda item: self._as(str, item, key))

    def integers(self, key: str) -> tuple[int, ...]:
        """Return a list of integers."""
        return self.many(key, lambda item: self._as(int, item, key))

    def pairs(self, key: str, kind: type[Value]) -> dict[str, Value]:
        """Return an object whose values are all of one kind; empty where it is absent."""
        found = self.optional(key, dict) or {}
        return {name: self._as(kind, item, f"{key}.{name}") for name, item in found.items()}

    def texts_or_nulls(self, key: str) -> dict[str, str | None]:
        """Return an object whose values are texts or null; empty where it is absent."""
        found = self.optional(key, dict) or {}
        return {name: None if item is None else self._as(str, item, f"{key}.{name}") for name, item in found.items()}

    def texts_or_integers(self, key: str) -> dict[str, str | int] | None:
        """Return an object whose values are texts or integers; ``None`` where it is absent."""
        found = self.optional(key, dict)
        if found is None:
            return None
        return {
            name: item if isinstance(item, str) else self._as(int, item, f"{key}.{name}")
            for name, item in found.items()
        }

    def _as(self, kind: type[Value], found: object, key: str) -> Value:
        if kind is float and isinstance(found, (int, float)) and not isinstance(found, bool):
            try:
                number = float(found)
            except OverflowError:
                number = math.inf
            if math.isfinite(number):
                return cast("Value", number)
        elif isinstance(found, kind) and (kind is bool or not isinstance(found, bool)):
            return found
        raise ProtocolError(f"'{key[:40]}' of {self._name} is {_kind(found)}, not {kind.__name__}")


def _kind(value: object) -> str:
    return f"{type(value).__name__} {reprlib.repr(value)}"
