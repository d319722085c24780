"""Curves of a Roto: a disc whose four points have keys."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from nuke_stage import strict
from nuke_stage.knobs import Knob

Disc = tuple[float, float, float]  # centre x, centre y from the top, radius


@strict
class AnimControlPoint:
    def __init__(self, times: list[float]) -> None:
        self._times = times

    def getControlPointKeyTimes(self, view: str = "main") -> list[float]:
        return list(self._times)


class ShapeControlPoint:
    def __init__(self, times: list[float]) -> None:
        self.center = AnimControlPoint(times)


@strict
class AnimCTransform:
    def __init__(self, times: list[float]) -> None:
        self._times = times

    def getTransformKeyTimes(self, view: str = "main") -> list[float]:
        return list(self._times)


@strict
class Element:
    def __init__(self, items: list[Any], transform: list[float]) -> None:
        self._items, self._transform = items, AnimCTransform(transform)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)


@strict
class Layer(Element):
    def getTransform(self) -> AnimCTransform:
        return self._transform


@strict
class Shape(Element):
    def getTransform(self) -> AnimCTransform:
        return self._transform


class Stroke(Element):
    pass


class CurveKnob(Knob):
    def __init__(self, name: str, label: str) -> None:
        super().__init__(name, label)
        self.rootLayer = Layer([], [])
        self._discs: dict[int, Disc] = {}

    def _script(self) -> str:
        parts = "".join(f"{{disc {frame} {x:g} {y:g} {r:g}}} " for frame, (x, y, r) in self._discs.items())
        return f"{{{parts.strip()}}}"

    def _from_script(self, text: str) -> None:
        found = re.findall(r"\{disc (-?\d+) (\S+) (\S+) ([^}\s]+)\}", text)
        draw(self._node, {int(frame): (float(x), float(y), float(r)) for frame, x, y, r in found})


def draw(op: Any, discs: Mapping[int, Disc], *, nested: bool = False, transform: tuple[float, ...] = ()) -> None:
    """Draw a disc with keys on a Roto.

    Args:
        op: The node.
        discs: Key to centre and radius.
        nested: Whether the shape is in a layer of its own.
        transform: Times of keys of the shape's transform.
    """
    times = [float(frame) for frame in discs]
    shape = Shape([ShapeControlPoint(times) for _ in range(4)], list(transform))
    curves = op.knob_values["curves"]
    curves.rootLayer = Layer([Layer([shape], []) if nested else shape], [])
    curves._discs = dict(discs)
    op.extra["disc"] = _disc(dict(discs))


def _disc(keys: dict[int, Disc]) -> Callable[[int, Any], Any]:
    from nuke_stage.pixels import library

    np = library("numpy")

    def coverage(frame: int, form: Any) -> Any:
        frames = sorted(keys)
        x, y, radius = (np.interp(frame, frames, [keys[key][axis] for key in frames]) for axis in range(3))
        rows, columns = np.mgrid[: form.height(), : form.width()]
        distance = np.hypot((columns + 0.5 - x) * form.pixelAspect(), rows + 0.5 - y)
        return np.clip(radius - distance + 0.5, 0, 1).astype(np.float32)

    return coverage
