"""The manifest of a cache: what every frame of the shot is made from, as of the last run."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from stcn_plugin.frames import format_frame_range, shortened
from stcn_plugin.regular_files import read_regular

_VERSION = 1

_LIMIT = 64 << 20
"""Largest size of a manifest in bytes."""


@dataclass(frozen=True)
class PlateFile:
    """A file of the plate.

    Args:
        name: Its name, without the folder: a show may be moved.
        size: Bytes.
        time: Modification time in nanoseconds.
        identity: Identifies its content: name, size and time when it was first seen, or a digest of its pixels.
    """

    name: str
    size: int
    time: int
    identity: str

    @classmethod
    def of(cls, path: Path) -> PlateFile:
        """Return the entry of a file that has not been seen before.

        Raises:
            OSError: There is no such file.
        """
        found = path.stat()
        return cls(path.name, found.st_size, found.st_mtime_ns, f"{path.name} {found.st_size} {found.st_mtime_ns}")

    @property
    def stamp(self) -> tuple[str, int, int]:
        """Name, size and time."""
        return self.name, self.size, self.time


@dataclass(frozen=True)
class FrameMade:
    """Digests of what a frame is made from.

    Args:
        forward: For the forward pass; ``None`` if it does not contribute.
        backward: For the backward pass.
        mattes: For the matte files.
    """

    forward: str | None
    backward: str | None
    mattes: str


@dataclass(frozen=True)
class Manifest:
    """What the frames of a shot are made from.

    Args:
        out: Frame pattern of the mattes.
        propagation: Settings, and other inputs, that change probabilities.
        finishing: Those that change only the matte files.
        plate: Frame to its file.
        keyframes: Frame to object to the digest of the artist's matte.
        frames: Frame to the digests of what it is made from.
        rates: Machine and device to what was measured there, for estimates.
    """

    out: str
    propagation: Mapping[str, Any]
    finishing: Mapping[str, Any]
    plate: Mapping[int, PlateFile]
    keyframes: Mapping[int, Mapping[str, str]]
    frames: Mapping[int, FrameMade]
    rates: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    @property
    def content(self) -> bytes:
        """The JSON of the manifest."""
        return json.dumps({"version": _VERSION, **asdict(self)}, indent=1, ensure_ascii=False).encode() + b"\n"

    @classmethod
    def read(cls, path: Path) -> Manifest | None:
        """Read a manifest; ``None`` if it is missing, damaged or of another version."""
        try:
            data = json.loads(read_regular(path, _LIMIT))
            if data.pop("version") != _VERSION:
                return None
            return cls(
                out=str(data["out"]),
                propagation=dict(data["propagation"]),
                finishing=dict(data["finishing"]),
                plate={int(frame): PlateFile(**each) for frame, each in data["plate"].items()},
                keyframes={int(frame): dict(each) for frame, each in data["keyframes"].items()},
                frames={int(frame): FrameMade(**each) for frame, each in data["frames"].items()},
                rates={str(where): _rates(each) for where, each in data["rates"].items()},
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return None


@dataclass(frozen=True)
class Change:
    """A difference between two manifests.

    Args:
        text: A description, such as ``keyframe 1060 is new``.
        frames: The frames at which the inputs differ; ``None`` for all.
        is_finishing: Whether it changes only the matte files.
    """

    text: str
    frames: frozenset[int] | None = None
    is_finishing: bool = False


def changes(before: Manifest, now: Manifest) -> Iterator[Change]:
    """Yield what has changed between two runs.

    Args:
        before: The earlier manifest.
        now: The later one.
    """
    for is_finishing, old, new in (
        (False, before.propagation, _as_json(now.propagation)),
        (True, before.finishing, _as_json(now.finishing)),
    ):
        for key in [*old, *(key for key in new if key not in old)]:
            if old.get(key) != new.get(key):
                yield Change(_changed(key, old.get(key), new.get(key)), is_finishing=is_finishing)
    for frame in sorted({*before.keyframes, *now.keyframes}):
        old_mattes, new_mattes = before.keyframes.get(frame, {}), now.keyframes.get(frame, {})
        if old_mattes != new_mattes:
            state = "has changed" if old_mattes and new_mattes else "is new" if new_mattes else "was removed"
            yield Change(f"keyframe {frame} {state}", frozenset({frame}))
    edited = {
        frame
        for frame, file in now.plate.items()
        if frame in before.plate and file.identity != before.plate[frame].identity
    }
    if edited:
        plural = "s" if len(edited) > 1 else ""
        yield Change(f"the plate has changed at frame{plural} {_frames(edited)}", frozenset(edited))
    if added := set(now.plate) - set(before.plate):
        plural, verb = ("s", "are") if len(added) > 1 else ("", "is")
        yield Change(f"frame{plural} {_frames(added)} {verb} new", frozenset(added))


def _rates(data: Mapping[str, Any]) -> dict[str, float]:
    """Read rates.

    Raises:
        ValueError: A rate is negative or not finite.
    """
    found = {str(name): float(value) for name, value in data.items()}
    if not all(0 <= value < float("inf") for value in found.values()):
        raise ValueError("a rate is negative or not finite")
    return found


_TEXTS = {
    "weights.sha256": "the weights file has changed",
    "colour.config": "the OCIO config has changed",
    "edge weights": "the weights of the edge network have changed",
    "objects": "the objects have changed",
    "format": "the format of the plate has changed",
    "plate.window": "the format or the overscan of the plate has changed",
    "plate plugin": "a plugin that reads plates has changed",
    "matte plugin": "a plugin that changes mattes has changed",
}
"""Inputs that are not settings, or whose values say nothing, and how a change of theirs reads."""


def _changed(key: str, old: object, new: object) -> str:
    if key in _TEXTS:
        return _TEXTS[key]
    if isinstance(old, (list, dict)) or isinstance(new, (list, dict)):
        return f"{key} has changed"
    return f"{key} has changed from {_shown(old)} to {_shown(new)}"


def _shown(value: object) -> str:
    return (
        {None: "none", True: "yes", False: "no"}.get(value, str(value))
        if isinstance(value, (bool, type(None)))
        else str(value)
    )


def _frames(frames: set[int]) -> str:
    return shortened(format_frame_range(sorted(frames)))


def _as_json(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return values as they are after writing and reading them."""
    data: Mapping[str, Any] = json.loads(json.dumps(values))
    return data
