"""Strict access to the keys of a JSON object received from the other process."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

from stcn_plugin.errors import ProtocolError

Value = TypeVar("Value")

_MAX_FRAME = 2**31 - 1
"""Hosts use 32-bit integers."""


class Fields:
    """The keys of one JSON object.

    Args:
        data: The decoded object.
        name: Its name in error messages, such as ``a report``.

    Raises:
        ProtocolError: ``data`` is not a JSON object.
    """

    def __init__(self, data: object, name: str) -> None:
        if not isinstance(data, Mapping):
            raise ProtocolError(f"{name} is {_kind(data)}, not an object")
        self._data = cast("Mapping[str, object]", data)
        self._name = name

    def value(self, key: str, kind: type[Value]) -> Value:
        """Return the value of a required key; an integer is accepted as a float.

        Raises:
            ProtocolError: The key is missing or has the wrong type.
        """
        if key not in self._data:
            raise ProtocolError(f"{self._name} has no '{key}'")
        return self._as(kind, self._data[key], key)

    def optional(self, key: str, kind: type[Value]) -> Value | None:
        """Return the value of a key, or ``None`` if it is missing or null."""
        return None if self._data.get(key) is None else self.value(key, kind)

    def list_of(self, key: str, read: Callable[[Any], Value]) -> tuple[Value, ...]:
        """Return the items of a list, each converted by ``read``; empty if the key is missing."""
        return tuple(map(read, self.optional(key, list) or ()))

    def strings(self, key: str) -> tuple[str, ...]:
        """Return a list of strings."""
        return self.list_of(key, lambda item: self._as(str, item, key))

    def integers(self, key: str) -> tuple[int, ...]:
        """Return a list of integers."""
        return self.list_of(key, lambda item: self._as(int, item, key))

    def frame(self, key: str) -> int:
        """Return a frame number, or a number of frames."""
        return self._frame(self.value(key, int), key)

    def frames(self, key: str) -> tuple[int, ...]:
        """Return a list of frame numbers."""
        return tuple(self._frame(number, key) for number in self.integers(key))

    def mapping(self, key: str, kind: type[Value]) -> dict[str, Value]:
        """Return an object with values of one type; empty if the key is missing."""
        values = self.optional(key, dict) or {}
        return {name: self._as(kind, item, f"{key}.{name}") for name, item in values.items()}

    def objects(self, key: str, read: Callable[[Any], Value]) -> dict[str, Value]:
        """Return an object whose values are each converted by ``read``; empty if the key is missing."""
        return {name: read(item) for name, item in (self.optional(key, dict) or {}).items()}

    def strings_or_nulls(self, key: str) -> dict[str, str | None]:
        """Return an object with strings or null as values; empty if the key is missing."""
        values = self.optional(key, dict) or {}
        return {name: None if item is None else self._as(str, item, f"{key}.{name}") for name, item in values.items()}

    def strings_or_integers(self, key: str) -> dict[str, str | int] | None:
        """Return an object with strings or integers as values; ``None`` if the key is missing."""
        values = self.optional(key, dict)
        if values is None:
            return None
        return {
            name: item if isinstance(item, str) else self._as(int, item, f"{key}.{name}")
            for name, item in values.items()
        }

    def _frame(self, number: int, key: str) -> int:
        if abs(number) > _MAX_FRAME:
            raise ProtocolError(f"'{key}' of {self._name} is {reprlib.repr(number)}, not a frame number")
        return number

    def _as(self, kind: type[Value], value: object, key: str) -> Value:
        if kind is float and isinstance(value, (int, float)) and not isinstance(value, bool):
            try:
                number = float(value)
            except OverflowError:
                number = math.inf
            if math.isfinite(number):
                return cast("Value", number)
        elif isinstance(value, kind) and (kind is bool or not isinstance(value, bool)):
            return value
        raise ProtocolError(f"'{key[:40]}' of {self._name} is {_kind(value)}, not {kind.__name__}")


def require_valid_strings(data: Any, name: str) -> None:
    """Check that no string has characters that file names cannot have: NUL, or surrogates that represent no byte.

    Args:
        data: Nested mappings, lists and strings, a few levels deep.
        name: Name of the data in error messages.

    Raises:
        ProtocolError: A string has such a character.
    """
    if isinstance(data, str):
        if "\0" in data:
            raise ProtocolError(f"a string of {name} has a NUL character: {reprlib.repr(data)}")
        try:
            data.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError:
            raise ProtocolError(f"a string of {name} has half a character: {ascii(data)[:40]}") from None
    elif isinstance(data, Mapping):
        for key, value in data.items():
            require_valid_strings(key, name)
            require_valid_strings(value, name)
    elif isinstance(data, list):
        for item in data:
            require_valid_strings(item, name)


def _kind(value: object) -> str:
    return f"{type(value).__name__} {reprlib.repr(value)}"
