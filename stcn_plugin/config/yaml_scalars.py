"""Scalar values and keys, with fewer surprises than in YAML 1.1.

``0101`` is 101 and not octal, ``1.5e3`` is a number, and ``1:30``, ``1_000``, ``0x10`` and dates are text.
"""

from __future__ import annotations

import math
import re
from typing import TypeAlias, Union

Key: TypeAlias = str | int
KeyPath: TypeAlias = tuple[Key, ...]
Value: TypeAlias = Union[str, int, float, bool, "list[Value]", "dict[Key, Value]", None]

_MOST_DIGITS = 18  # fits 64 bits; larger numbers are mistakes
_INTEGER = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?")
_INFINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_WORDS = {word: truth for truth, words in ((True, "yes true on"), (False, "no false off")) for word in words.split()}
_TRUTH = {form(word): truth for word, truth in _WORDS.items() for form in (str.lower, str.capitalize, str.upper)}
_CANONICAL = re.compile(r"0|-?[1-9][0-9]*")
_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")
_KINDS: dict[str, tuple[type, ...]] = {
    "int": (int,),
    "float": (int, float),
    "bool": (bool,),
    "null": (type(None),),
}


def plain_value(text: str) -> Value:
    """Return an unquoted value.

    Args:
        text: The value, without white space around it.

    Raises:
        ValueError: A number is too long or not finite, or a character is not text.
    """
    if text in _NULL:
        return None
    if text in _TRUTH:
        return _TRUTH[text]
    if _INTEGER.fullmatch(text):
        return _integer(text)
    if _INFINITE.fullmatch(text):
        raise ValueError(f"'{text}' is not a finite number")
    if _FLOAT.fullmatch(text):
        number = float(text)
        if not math.isfinite(number):
            raise ValueError(f"'{text[:40]}' is not a finite number")
        return number
    return text_value(text)


def tagged_value(text: str, tag: str) -> Value:
    """Return a tagged value, such as ``!!int "5"``.

    Args:
        text: The value.
        tag: The tag in full, ``tag:yaml.org,2002:int``.

    Raises:
        ValueError: The value is of another type, or the tag is not supported.
    """
    name = tag.removeprefix("tag:yaml.org,2002:")
    if name in ("str", "timestamp", "value"):
        return text_value(text)
    if name not in _KINDS:
        raise ValueError(no_tag(tag))
    value = plain_value(text)
    if isinstance(value, bool) != (name == "bool") or not isinstance(value, _KINDS[name]):
        raise ValueError(f"'{text[:40]}' is not a value of the kind !!{name}")
    return float(value) if name == "float" and isinstance(value, int) else value


def text_value(text: str) -> str:
    """Return text, with surrogate pairs, as in JSON escapes, joined.

    Raises:
        ValueError: It has a character that is not text, such as a NUL or a lone surrogate.
    """
    text = _PAIR.sub(_joined, text)
    if wrong := _UNPRINTABLE.search(text):
        raise ValueError(f"holds a character that is not text (U+{ord(wrong.group()):04X})")
    return text


def key_of(text: str) -> Key:
    """Return an unquoted key: frames are numbers, everything else is a name, ``on`` and ``no`` included.

    Raises:
        ValueError: It is a number that is too long, or has a character that is not text.
    """
    return _integer(text) if _INTEGER.fullmatch(text) else text_value(text)


def quoted_key(text: str) -> Key:
    """Return a quoted key. ``'1001'`` is a frame, ``'007'`` is a name.

    Raises:
        ValueError: It has a character that is not text.
    """
    return key_of(text) if _CANONICAL.fullmatch(text) and len(text) <= _MOST_DIGITS else text_value(text)


def no_tag(tag: str) -> str:
    """Return the message for an unsupported tag."""
    return f"'{tag.replace('tag:yaml.org,2002:', '!!')[:60]}' is not supported in a preset or shot file"


def _integer(text: str) -> int:
    digits = text.lstrip("+-0")
    if len(digits) > _MOST_DIGITS:
        raise ValueError(f"is a number of {len(digits)} digits, where {_MOST_DIGITS} are the most")
    return int(digits or "0") * (-1 if text.startswith("-") else 1)


def _joined(pair: re.Match[str]) -> str:
    return pair.group().encode("utf-16", "surrogatepass").decode("utf-16")
