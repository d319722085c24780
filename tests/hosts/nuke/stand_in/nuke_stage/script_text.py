"""Scripts as .nk text: written here, read by nkparser."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from nuke_stage import stage
from nuke_stage.knobs import String_Knob, Tab_Knob, quoted, unquoted
from nuke_stage.nodes import INVISIBLE, Op, new_script
from nuke_stage.pixels import library


def script_text() -> str:
    """Return the open script."""
    lines = ["#! nuke -nx", "version 15.0 v4", *_node(stage.root, inputs=0)]
    for layer, channels in stage.layers.items():
        if layer != "rgba":
            lines.append(f"add_layer {{{layer} {' '.join(channels)}}}")
    done: list[Op] = []
    for op in stage.ops:
        _append(op, lines, done)
    return "\n".join(lines) + "\n"


def _append(op: Op, lines: list[str], done: list[Op]) -> None:
    """Write a node after those it is connected to."""
    if op in done:
        return
    for before in op.inputs:
        if before is not None:
            _append(before, lines, done)
    # The stack's top is the first input.
    lines.extend(f"push ${_variable(before)}" if before is not None else "push 0" for before in reversed(op.inputs))
    lines.extend(_node(op, inputs=len(op.inputs)))
    if any(op in other.inputs for other in stage.ops):
        lines.append(f"set {_variable(op)} [stack 0]")
    done.append(op)


def _variable(op: Op) -> str:
    return f"N{stage.ops.index(op):06x}"


def _node(op: Op, *, inputs: int) -> list[str]:
    lines = [f"{op.kind} {{", f" inputs {inputs}"]
    for name, knob in op.knob_values.items():
        if name in op.user_knobs:
            flags = " +INVISIBLE" if knob.getFlag(INVISIBLE) else ""
            lines.append(f" addUserKnob {{{knob._user_code} {name} l {quoted(knob.label())}{flags}}}")
        is_empty = isinstance(knob, Tab_Knob) or knob._value is None or knob._value == ""
        if is_empty and name not in ("file", "curves"):
            continue
        lines.append(f" {name} {knob._script()}")
    if op.kind != "Root":
        lines += [f" xpos {op.x}", f" ypos {op.y}"]
    return [*lines, "}"]


def open_script(file: str) -> None:
    """Read a script."""
    if not Path(file).is_file():
        raise RuntimeError(f"{file}: No such file or directory")
    parsed = library("nkparser").Script.from_file(file)
    new_script()
    for layer, channels in re.findall(r"^add_layer \{(\S+) ([^}]*)\}$", Path(file).read_text("utf-8"), re.MULTILINE):
        stage.layers[layer] = channels.split()
    stage.frame = 1
    made: dict[Any, Op] = {}
    for node in parsed.all_nodes():
        if node.class_name == "Root":
            made[node] = stage.root
        else:
            made[node] = Op(node.class_name, stage.root)
            stage.ops.append(made[node])
    for node, op in made.items():
        # nkparser lists them from the bottom of the stack up; Nuke's first input is the top.
        op.inputs = [made.get(before) if before else None for before in reversed(node.inputs)]
        for knob in node.knobs:
            _set(op, knob.name, knob.value.raw)
    stage.root.knob_values["name"]._value = file
    stage.modified = False


def _set(op: Op, name: str, raw: str) -> None:
    if name in ("inputs", "xpos", "ypos"):
        return
    if name == "addUserKnob":
        match = re.match(r"\{(\d+) (\w+) l (\S+|\"[^\"]*\")", raw)
        assert match, raw
        op.add((Tab_Knob if match[1] == "20" else String_Knob)(match[2], unquoted(match[3])))
        op.user_knobs.append(match[2])
        return
    op.knob_values[name]._from_script(raw if raw.startswith("{") else unquoted(raw))
