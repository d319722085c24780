"""Reading JSON objects strictly: what the other side sent is checked key by key before it is believed."""

from __future__ import annotations

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
        found = self._data[key]
        if kind is float and isinstance(found, int) and not isinstance(found, bool):
            return cast("Value", float(found))
        if not isinstance(found, kind) or (isinstance(found, bool) and kind is not bool):
            raise ProtocolError(f"'{key}' of {self._name} is {_kind(found)}, not {kind.__name__}")
        return found

    def optional(self, key: str, kind: type[Value]) -> Value | None:
        """Return a value, or ``None`` where it is absent or null."""
        return None if self._data.get(key) is None else self.value(key, kind)

    def many(self, key: str, read: Callable[[Any], Value]) -> tuple[Value, ...]:
        """Return the items of a list, each read by ``read``; none where it is absent."""
        return tuple(read(item) for item in self.optional(key, list) or ())

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of texts."""
        return self.many(key, lambda item: self._is(item, str, key))

    def integers(self, key: str) -> tuple[int, ...]:
        """Return a list of integers."""
        return self.many(key, lambda item: self._is(item, int, key))

    def pairs(self, key: str, read: Callable[[Any], Value]) -> dict[str, Value]:
        """Return an object of values, each read by ``read``; empty where it is absent."""
        return {name: read(item) for name, item in (self.optional(key, dict) or {}).items()}

    def _is(self, item: object, kind: type[Value], key: str) -> Value:
        if not isinstance(item, kind) or isinstance(item, bool):
            raise ProtocolError(f"'{key}' of {self._name} holds {_kind(item)}, not {kind.__name__}")
        return item


def _kind(value: object) -> str:
    return f"{type(value).__name__} {value!r}"[:80]
