"""Reading JSON objects strictly: what the other side sent is checked key by key before it is believed."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

from stcn_plugin.errors import ProtocolError

Value = TypeVar("Value")

_LARGEST_FRAME = 2**31 - 1
"""Frame numbers of hosts are 32-bit integers."""


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

    def frame(self, key: str) -> int:
        """Return a frame number, or a number of frames."""
        return self._frame(self.value(key, int), key)

    def frames(self, key: str) -> tuple[int, ...]:
        """Return a list of frame numbers."""
        return tuple(self._frame(number, key) for number in self.integers(key))

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

    def _frame(self, number: int, key: str) -> int:
        if abs(number) > _LARGEST_FRAME:
            raise ProtocolError(f"'{key}' of {self._name} is {reprlib.repr(number)}, which is no frame number")
        return number

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


def require_usable(data: Any, name: str) -> None:
    """Refuse texts that no system can take as a file name: with a NUL, or with surrogates that stand for no byte.

    Args:
        data: Mappings, lists and texts inside of each other, few levels deep.
        name: What it is, for errors.

    Raises:
        ProtocolError: There is such a text.
    """
    if isinstance(data, str):
        if "\0" in data:
            raise ProtocolError(f"a text of {name} holds a NUL character: {reprlib.repr(data)}")
        try:
            data.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError:
            raise ProtocolError(f"a text of {name} holds half of a character: {ascii(data)[:40]}") from None
    elif isinstance(data, Mapping):
        for key, value in data.items():
            require_usable(key, name)
            require_usable(value, name)
    elif isinstance(data, list):
        for item in data:
            require_usable(item, name)


def _kind(value: object) -> str:
    return f"{type(value).__name__} {reprlib.repr(value)}"
