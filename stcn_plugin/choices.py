"""Choices and defaults of settings that presets share with the code that they configure."""

from __future__ import annotations

from typing import Literal, TypeAlias

Direction = Literal["both", "forward", "backward"]
Highlights = Literal["compress", "clip"]
Layout = Literal["auto", "layers", "per_object", "cryptomatte"]
WindowChoice = Literal["object", "frame"]
Edges = Literal["network", "guided", "off"]
Stabilise: TypeAlias = Literal["auto", "off"] | float
FeatherSide = Literal["both", "inside", "outside"]
Depth = Literal["auto", "half", "float", "uint8", "uint16"]

INTERNAL_SIZE = 480
"""Short side of the image that the network sees, in pixels."""

INTERVAL = 5
"""Frames between two memory frames."""

TOP_K = 20
"""Memory elements that each pixel reads."""

MAX_FRAMES = 2
"""Memory beyond the keyframes, in frames."""

BUDGET_MB = 8
"""Working memory of one step of the memory read, in megabytes."""
