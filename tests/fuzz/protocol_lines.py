"""Generates protocol lines: valid ones, and valid ones with random changes."""

from __future__ import annotations

import json
from typing import Any, cast

import numpy as np

from stcn_plugin.bridge.messages import MAX_MESSAGE_BYTES

TEXTS = (
    "",
    "hero",
    "a\0b",
    "\x1b[2J\x1b]0;title\x07",
    "a\r\nstcn: done\n",
    "\u202egnp.exe",
    "\x85\x9b31m",
    "\ud800",
    "\udcff\udc80",
    "x" * 5000,
    "../" * 400,
    "/dev/zero",
    "CON",
    "1001-9999999999999",
    "%999999999d",
    "p.####.png",
    "q.####.@@@@.%04d.exr",
    "[" * 5000,
    "{a: &a [*a, *a]}",
    "memory.interval=" + "9" * 30,
    "size=[[[[",
    'out="a\\0b"',
    'plate="\\ud800"',
    "=",
    "a=b=c",
    "!!python/object:os.system x",
    "default",
    "nonsense",
    ".nan",
    "\u65e5\u672c\u8a9e \u200d\U0001f407",
)
NUMBERS = (0, 1, -1, 1001, 2**31, -(2**63), 10**30, 10**400, 1.5, -0.0, 1e308)


def text(rng: np.random.Generator) -> str:
    """Return one of the texts, or a few random Unicode characters."""
    if rng.random() < 0.8:
        return TEXTS[rng.integers(len(TEXTS))]
    return "".join(chr(rng.integers(0x110000)) for _ in range(rng.integers(1, 12)))


def value(rng: np.random.Generator, depth: int = 0) -> Any:
    """Return a random JSON value."""
    kind = rng.integers(7 if depth < 4 else 5)
    if kind == 0:
        return NUMBERS[rng.integers(len(NUMBERS))]
    if kind == 1:
        return (None, True, False)[rng.integers(3)]
    if kind < 5:
        return text(rng)
    items = [value(rng, depth + 1) for _ in range(rng.integers(4))]
    return items if kind == 5 else {text(rng): item for item in items}


def changed(rng: np.random.Generator, data: Any) -> Any:
    """Return a message with one value in it replaced, removed, added or repeated."""
    places: list[tuple[Any, Any]] = []

    def find(part: Any) -> None:
        for key in part if isinstance(part, dict) else range(len(part)):
            places.append((part, key))
            if isinstance(part[key], (dict, list)):
                find(part[key])

    copy = json.loads(json.dumps(data))
    find(copy)
    if not places:
        return copy
    part, key = places[rng.integers(len(places))]
    kind = rng.integers(4)
    if kind == 0:
        del part[key]
    elif kind == 1 and isinstance(part, dict):
        part[text(rng)] = value(rng)
    elif kind == 1:
        cast("list[Any]", part).extend([part[key]] * int(rng.integers(1, 300)))
    else:
        part[key] = value(rng)
    return copy


def line(rng: np.random.Generator, data: Any) -> bytes:
    """Return a message as a line, sometimes a broken one."""
    kind = rng.random()
    if kind < 0.6:
        for _ in range(rng.integers(1, 4)):
            data = changed(rng, data)
    written = json.dumps(data, ensure_ascii=bool(rng.integers(2))).encode("utf-8", "surrogatepass")
    if kind < 0.8:
        return written + b"\n"
    if kind < 0.86:  # bytes changed
        broken = bytearray(written)
        for _ in range(rng.integers(1, 6)):
            broken[rng.integers(len(broken))] = rng.integers(256)
        return bytes(broken) + b"\n"
    if kind < 0.9:  # cut, perhaps in the middle of the line before it
        return written[: rng.integers(len(written))] + b"\n" * int(rng.integers(2))
    if kind < 0.94:
        return rng.bytes(int(rng.integers(1, 400))) + b"\n"
    deep = int(rng.integers(1, 200_000))
    return (b"[" * deep, b'{"type":' * deep, b'{"type":"run","id":' + b"9" * deep, b"nul" * deep)[
        rng.integers(4)
    ] + b"\n"


def huge(rng: np.random.Generator) -> bytes:
    """Return the longest valid line, with values that take much more memory than its text."""
    item = (b"{},", b"[],", b'"ab",', b"1.1,", b'{"a":{}},')[rng.integers(5)]
    head = b'{"type":"warned","id":1,"text":"","more":['
    return head + item * ((MAX_MESSAGE_BYTES - len(head) - 20) // len(item)) + b"0]}\n"
