"""Curves of a Roto: discs whose four points have keys."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
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


class AnimCurveKey:
    def __init__(self, time: float) -> None:
        self.time = time


@strict
class AnimCurve:
    def __init__(self, times: list[float]) -> None:
        self._times = times

    def getNumberOfKeys(self) -> int:
        return len(self._times)

    def getKey(self, index: int) -> AnimCurveKey:
        return AnimCurveKey(self._times[index])


@strict
class AnimAttributes:
    kVisibleAttribute = "vis"

    def __init__(self, switched: list[float]) -> None:
        self._switched = switched

    def getCurve(self, attr: str, view: str) -> AnimCurve:
        return AnimCurve(self._switched if attr == self.kVisibleAttribute else [])


@strict
class Element:
    """An element that is switched off at some frames, up to the next of its switches."""

    def __init__(self, items: list[Any], transform: list[float], name: str = "", off: Collection[int] = ()) -> None:
        self._items, self._transform, self.name = items, AnimCTransform(transform), name
        self._off = sorted(off)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def getVisible(self, time: float) -> bool:
        return not any(first <= time < first + 1 for first in self._off)


class _Drawn(Element):
    def getTransform(self) -> AnimCTransform:
        return self._transform

    def getAttributes(self) -> AnimAttributes:
        switches = {float(frame) for frame in self._off} | {frame + 1.0 for frame in self._off}
        return AnimAttributes(sorted(switches))


@strict
class Layer(_Drawn):
    def __getitem__(self, index: int) -> Any:
        return self._items[index]

    def remove(self, index: int) -> None:
        del self._items[index]

    def getTransform(self) -> AnimCTransform:
        return _Drawn.getTransform(self)

    def getAttributes(self) -> AnimAttributes:
        return _Drawn.getAttributes(self)


@strict
class Shape(_Drawn):
    _discs: dict[int, Disc]

    def getTransform(self) -> AnimCTransform:
        return _Drawn.getTransform(self)

    def getAttributes(self) -> AnimAttributes:
        return _Drawn.getAttributes(self)


class Stroke(_Drawn):
    pass


class CurveKnob(Knob):
    """Its script is a list of shapes, each with its group, the frames at which it is off, and its discs."""

    def __init__(self, name: str, label: str) -> None:
        super().__init__(name, label)
        self.rootLayer = Layer([], [])

    def changed(self) -> None:
        pass

    def _script(self) -> str:
        parts = []
        for shape, group in _shapes(self.rootLayer):
            parts.append(f"{{shape {shape.name} {group or '-'}}}")
            parts += [f"{{off {frame}}}" for frame in shape._off]
            parts += [f"{{disc {frame} {x:g} {y:g} {r:g}}}" for frame, (x, y, r) in shape._discs.items()]
        return f"{{{' '.join(parts)}}}"

    def _from_script(self, text: str) -> None:
        shapes: list[tuple[str, str, list[int], dict[int, Disc]]] = []
        for kind, rest in re.findall(r"\{(shape|off|disc) ([^{}]*)\}", text):
            words = rest.split()
            if kind == "shape":
                shapes.append((words[0], words[1].strip("-"), [], {}))
                continue
            if not shapes:
                shapes.append(("Bezier1", "", [], {}))
            if kind == "off":
                shapes[-1][2].append(int(words[0]))
            else:
                shapes[-1][3][int(words[0])] = (float(words[1]), float(words[2]), float(words[3]))
        self.rootLayer = Layer([], [])
        for name, group, off, discs in shapes:
            draw(self._node, discs, name=name, group=group, off=off, keeps=True)


def _shapes(layer: Layer, group: str = "") -> Iterator[tuple[Any, str]]:
    for item in layer:
        if isinstance(item, Layer):
            yield from _shapes(item, item.name)
        else:
            yield item, group


def draw(
    op: Any,
    discs: Mapping[int, Disc],
    *,
    name: str = "Bezier1",
    group: str = "",
    nested: bool = False,
    transform: tuple[float, ...] = (),
    off: Collection[int] = (),
    keeps: bool = False,
) -> None:
    """Draw a disc with keys on a Roto.

    Args:
        op: The node.
        discs: Key to centre and radius.
        name: Name of the shape.
        group: The group of shapes that it is in, if any.
        nested: Whether it is in a group without a name of the artist.
        transform: Times of keys of the shape's transform.
        off: Frames at which it is switched off.
        keeps: Whether to keep what is drawn.
    """
    times = [float(frame) for frame in discs]
    shape = Shape([ShapeControlPoint(times) for _ in range(4)], list(transform), name, off)
    shape._discs = dict(discs)
    curves = op.knob_values["curves"]
    root = curves.rootLayer if keeps else Layer([], [])
    curves.rootLayer = root
    group = group or ("Layer1" if nested else "")
    found = next((each for each in root if isinstance(each, Layer) and each.name == group), None)
    if group and found is None:
        found = Layer([], [], group)
        root._items.append(found)
    (root if found is None else found)._items.append(shape)


def coverage(op: Any, frame: int, form: Any) -> Any:
    """Return the alpha of a Roto."""
    from nuke_stage.pixels import library

    np = library("numpy")
    rows, columns = np.mgrid[: form.height(), : form.width()]
    alpha = np.zeros((form.height(), form.width()), np.float32)
    for shape, _ in _shapes(op.knob_values["curves"].rootLayer):
        keys = shape._discs
        if not keys or not shape.getVisible(frame):
            continue
        frames = sorted(keys)
        x, y, radius = (np.interp(frame, frames, [keys[key][axis] for key in frames]) for axis in range(3))
        distance = np.hypot((columns + 0.5 - x) * form.pixelAspect(), rows + 0.5 - y)
        alpha = np.maximum(alpha, np.clip(radius - distance + 0.5, 0, 1).astype(np.float32))
    return alpha
