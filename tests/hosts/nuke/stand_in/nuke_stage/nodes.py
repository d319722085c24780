"""Nodes with real knobs. The plugin gets handles, which are equal if they refer to the same node, but never identical."""

from __future__ import annotations

import re
from typing import Any

from nuke_stage import Misuse, knobs, main_thread_only, stage, strict
from nuke_stage.knobs import (
    Boolean_Knob,
    Channel_Knob,
    ChannelMask_Knob,
    ColorspaceKnob,
    Double_Knob,
    Enumeration_Knob,
    File_Knob,
    Format_Knob,
    Int_Knob,
    Knob,
    Multiline_Eval_String_Knob,
    Script_Knob,
    String_Knob,
    Unsigned_Knob,
)
from nuke_stage.tcl import evaluated

INPUTS = 1
INVISIBLE = 1024
STARTLINE = 4096


@strict
class Format:
    """Size and pixel aspect."""

    def __init__(self, width: int, height: int, pixelAspect: float = 1.0, name: str = "") -> None:
        self._width, self._height, self._aspect, self._name = width, height, float(pixelAspect), name

    def width(self) -> int:
        return self._width

    def height(self) -> int:
        return self._height

    def pixelAspect(self) -> float:
        return self._aspect

    def name(self) -> str:
        return self._name


def _enum(name: str, *values: str) -> Any:
    return lambda: Enumeration_Knob(name, name, list(values))


def _knob(kind: type[Knob], name: str, value: Any) -> Any:
    def make() -> Knob:
        knob = kind(name, name)
        knob._value = value
        return knob

    return make


_COMMON = [
    _knob(String_Knob, "name", ""),
    _knob(Multiline_Eval_String_Knob, "label", ""),
    _knob(Unsigned_Knob, "tile_color", 0),
    _knob(Int_Knob, "note_font_size", 11),
    _knob(Boolean_Knob, "disable", False),
]
_COLORSPACE = lambda: ColorspaceKnob("colorspace", "colorspace", ["default (linear)"])  # noqa: E731
_KNOBS = {
    "Read": [
        _knob(File_Knob, "file", ""),
        _knob(Format_Knob, "format", None),
        _knob(File_Knob, "proxy", ""),
        _knob(Int_Knob, "first", 1),
        _knob(Int_Knob, "last", 1),
        _knob(Int_Knob, "origfirst", 1),
        _knob(Int_Knob, "origlast", 1),
        _knob(Boolean_Knob, "origset", False),
        _enum("before", "hold", "loop", "bounce", "black"),
        _enum("after", "hold", "loop", "bounce", "black"),
        _enum("on_error", "error", "black", "checkerboard", "nearest frame"),
        _enum("frame_mode", "expression", "start at", "offset"),
        _knob(String_Knob, "frame", ""),
        _COLORSPACE,
        _knob(Boolean_Knob, "raw", False),
        _knob(Script_Knob, "reload", ""),
    ],
    "Write": [
        _knob(File_Knob, "file", ""),
        _knob(ChannelMask_Knob, "channels", "rgb"),
        _COLORSPACE,
        _knob(Boolean_Knob, "raw", False),
        _enum("file_type", " ", "exr", "png", "tiff"),
    ],
    "Roto": [],
    "RotoPaint": [],
    "Copy": [_knob(Channel_Knob, f"{end}{slot}", "none") for slot in range(4) for end in ("from", "to")],
    "Cryptomatte": [_knob(String_Knob, "matteList", "")],
    "Dot": [],
    "NoOp": [],
    "Multiply": [_knob(Double_Knob, "value", 1.0)],
    "Reformat": [
        _enum("type", "to format", "to box", "scale"),
        _knob(Format_Knob, "format", None),
        _knob(Int_Knob, "box_width", 200),
        _knob(Int_Knob, "box_height", 200),
        _knob(Boolean_Knob, "box_fixed", False),
        _knob(Double_Knob, "box_pixel_aspect", 1.0),
        _enum("resize", "width", "height", "fit", "fill", "distort", "none"),
        _knob(Boolean_Knob, "center", True),
    ],
    "BackdropNode": [_knob(Int_Knob, "bdwidth", 80), _knob(Int_Knob, "bdheight", 80)],
    "Group": [],
    "Root": [
        _knob(Int_Knob, "first_frame", 1),
        _knob(Int_Knob, "last_frame", 100),
        _knob(Format_Knob, "format", Format(2048, 1556, 1.0, "2K_Super_35(full-ap)")),
        _knob(Boolean_Knob, "proxy", False),
        _enum("colorManagement", "Nuke", "OCIO"),
        _enum("OCIO_config", "nuke-default", "aces_1.2", "custom"),
        _knob(File_Knob, "customOCIOConfigPath", ""),
        lambda: ColorspaceKnob("workingSpaceLUT", "working space", ["linear"]),
    ],
}
_EXR_KNOBS = [
    _enum("datatype", "16 bit half", "32 bit float"),
    _enum("compression", "none", "Zip (1 scanline)", "Zip (16 scanlines)", "PIZ Wavelet (32 scanlines)", "RLE"),
]
_MAX_INPUTS = {"Read": 0, "BackdropNode": 0, "Root": 0, "Copy": 3, "Roto": 4, "RotoPaint": 4}


class Op:
    """A node in the script."""

    def __init__(self, kind: str, parent: Op | None) -> None:
        if kind not in _KNOBS:
            raise Misuse(f"there is no node class {kind}")
        self.kind, self.parent = kind, parent
        self.knob_values: dict[str, Knob] = {}
        for make in (*_COMMON, *_KNOBS[kind]):
            self.add(make())
        self.inputs: list[Op | None] = []
        self.x = self.y = 0
        self.selected = False
        self.is_deleted = False
        self.reloads = 0
        self.user_knobs: list[str] = []
        if kind in ("Roto", "RotoPaint"):
            from nuke_stage.curves import CurveKnob

            self.add(CurveKnob("curves", "curves"))

    @property
    def name(self) -> str:
        return self.knob_values["name"].value()

    def value(self, knob: str) -> Any:
        return self.knob_values[knob]._value

    def add(self, knob: Knob) -> None:
        knob._node = self
        self.knob_values[knob._name] = knob

    def children(self) -> list[Op]:
        return [op for op in stage.ops if op.parent is self]

    def format(self) -> Format:
        if self.kind == "Reformat":
            if self.value("type") != "to box" or not self.value("box_fixed") or self.value("resize") != "none":
                raise Misuse("the stand-in knows one kind of Reformat")
            if self.value("center"):
                raise Misuse("a centred Reformat moves the matte")
            return Format(self.value("box_width"), self.value("box_height"), self.value("box_pixel_aspect"))
        if self.kind == "Root":
            return self.value("format")
        if self.kind == "Read" and self.value("format"):
            return self.value("format")
        return self.inputs[0].format() if self.inputs and self.inputs[0] else stage.root.format()

    def _knob_changed(self, knob: Knob) -> None:
        stage.modified = True
        if self.kind == "Write" and knob._name == "file_type":
            for make in _EXR_KNOBS if knob._value == "exr" else []:
                self.add(make())

    def _pressed(self, button: str) -> None:
        if (self.kind, button) != ("Read", "reload"):
            raise Misuse(f"nothing happens at {self.kind}.{button}")
        self.reloads += 1

    def _opened(self, first: str | None, last: str | None) -> None:
        """Take range and format from the files, as Nuke does when a file is entered by hand."""
        from nuke_stage.pixels import header, nuke_channel

        if first is not None and last is not None:
            for name, frame in (("first", first), ("last", last), ("origfirst", first), ("origlast", last)):
                self.knob_values[name]._value = int(frame)
        spec = header(knobs.numbered(evaluated(self.value("file")), self.value("first")))
        if spec is not None:
            aspect = spec.get_float_attribute("PixelAspectRatio", 1.0)
            self.knob_values["format"]._value = Format(spec.full_width, spec.full_height, aspect)
            for channel in map(nuke_channel, spec.channelnames):
                layer = stage.layers.setdefault(channel.rpartition(".")[0], [])
                if channel not in layer:
                    layer.append(channel)


@strict
class Node:
    """A handle of a node."""

    __slots__ = ("_held",)
    _held: Op

    def __init__(self, op: Op) -> None:
        object.__setattr__(self, "_held", op)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Node) and self._held is other._held

    def __hash__(self) -> int:
        return id(self._held)

    def _op(self) -> Op:
        if self._held.is_deleted:
            raise ValueError("A PythonObject is not attached to a node")
        return self._held

    def __getitem__(self, name: str) -> Knob:
        found = self._op().knob_values.get(name)
        if found is None:
            raise NameError(f"knob {name} does not exist in {self._op().kind}")
        return found

    def Class(self) -> str:
        return self._op().kind

    def name(self) -> str:
        return self._op().name

    def fullName(self) -> str:
        op, names = self._op(), list[str]()
        while op.parent is not None:
            names.insert(0, op.name)
            op = op.parent
        return ".".join(names)

    def setName(self, name: str, uncollide: bool = True, updateExpressions: bool = False) -> None:
        if not re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII):
            raise ValueError(f"'{name}' is no name for a node")
        self._op().knob_values["name"]._value = free_name(name, self._op())

    def knob(self, p: str) -> Knob | None:
        return self._op().knob_values.get(p)

    def knobs(self) -> dict[str, Knob]:
        return dict(self._op().knob_values)

    def allKnobs(self) -> list[Knob]:
        return list(self._op().knob_values.values())

    def addKnob(self, knob: Knob) -> None:
        op = self._op()
        if not isinstance(knob, Knob) or knob.name() in op.knob_values:
            raise ValueError(f"{knob!r} cannot be added")
        op.add(knob)
        op.user_knobs.append(knob.name())

    def input(self, index: int) -> Node | None:
        inputs = self._op().inputs
        before = inputs[index] if index < len(inputs) else None
        return handle(before) if before else None

    def inputs(self) -> int:
        return len(self._op().inputs)

    def setInput(self, i: int, node: Node | None) -> bool:
        op = self._op()
        if i >= _MAX_INPUTS.get(op.kind, 1) or not isinstance(node, Node | None):
            raise ValueError(f"{op.kind} has no input {i} for {node!r}")
        if node is not None and node._op().parent is not op.parent:
            raise Misuse(f"{op.name} and {node.name()} are in different groups")
        op.inputs += [None] * (i + 1 - len(op.inputs))
        op.inputs[i] = node._op() if node is not None else None
        stage.modified = True
        return True

    def dependent(self, mask: int, forceEvaluate: bool = True) -> list[Node]:
        if mask != INPUTS:
            raise Misuse("the stand-in knows dependents by inputs alone")
        return [handle(op) for op in stage.ops if self._op() in op.inputs]

    def channels(self) -> list[str]:
        from nuke_stage.pixels import channel_names

        return sorted(channel_names(self._op()))

    def format(self) -> Format:
        return self._op().format()

    def firstFrame(self) -> int:
        return _frames(self._op())[0]

    def lastFrame(self) -> int:
        return _frames(self._op())[1]

    def parent(self) -> Group | None:
        parent = self._op().parent
        return handle(parent) if parent is not None else None

    def xpos(self) -> int:
        return self._op().x

    def ypos(self) -> int:
        return self._op().y

    def setXYpos(self, x: int, y: int) -> None:
        if not isinstance(x, int) or not isinstance(y, int):
            raise TypeError("positions are whole numbers")
        self._op().x, self._op().y = x, y

    def setSelected(self, selected: bool) -> None:
        self._op().selected = selected


class BackdropNode(Node):
    """A backdrop."""

    __slots__ = ()


@strict
class Group(Node):
    """A group, or the script itself."""

    __slots__ = ()

    def nodes(self) -> list[Node]:
        return [handle(op) for op in self._op().children()]

    def __enter__(self) -> Group:  # noqa: PYI034 - Self came with Python 3.11
        stage.groups.append(self._op())
        return self

    def __exit__(self, type: object, value: object, traceback: object) -> None:  # noqa: A002
        if stage.groups.pop() is not self._op():
            raise Misuse("groups were left in another order than entered")


@strict
class Root(Group):
    """The script."""

    __slots__ = ()

    def modified(self) -> bool:
        return stage.modified

    def setModified(self, modified: bool) -> None:
        stage.modified = modified


def handle(op: Op) -> Any:
    """Return a new handle of a node."""
    return {"Root": Root, "Group": Group, "BackdropNode": BackdropNode}.get(op.kind, Node)(op)


def _frames(op: Op) -> tuple[int, int]:
    if op.kind == "Read":
        return op.value("first"), op.value("last")
    if op.kind != "Root" and op.inputs and op.inputs[0]:
        return _frames(op.inputs[0])
    return stage.root.value("first_frame"), stage.root.value("last_frame")


def free_name(name: str, op: Op) -> str:
    """Return an unused name in the group."""
    taken = {other.name for other in stage.ops if other is not op and other.parent is op.parent}
    base = re.sub(r"\d+$", "", name)
    number = 1
    while name in taken:
        number += 1
        name = f"{base}{number}"
    return name


@main_thread_only
def create(kind: str, **values: Any) -> Any:
    """Create a node in the open group."""
    op = Op(kind, stage.groups[-1] if stage.groups else stage.root)
    if kind == "Root":
        raise Misuse("a script has one root")
    stage.ops.append(op)
    op.knob_values["name"]._value = free_name(f"{kind}1", op)
    node = handle(op)
    for name, value in values.items():
        node[name].setValue(value)
    stage.modified = True
    return node


def new_script() -> None:
    """Start an empty script."""
    for op in stage.ops:
        op.is_deleted = True
    stage.ops, stage.groups = [], []
    stage.root = Op("Root", None)
    stage.modified = False
