"""Nuke in the end-to-end tests: starts from a folder like ``~/.nuke`` as Nuke does, then acts as an artist.

Runs as a process with nothing but the stand-in on its path: ``python -S drive.py FOLDER PART ...``.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    nuke: Any  # the stand-in, which has more than Nuke's stubs
else:
    import nuke
from nuke_stage import stage

FOLDER = Path(sys.argv[1])


def run_file(file: Path) -> None:
    """Run a file as Nuke runs init.py and menu.py, all in one namespace."""
    exec(compile(file.read_text("utf-8"), str(file), "exec"), {"__file__": str(file), "__name__": "__main__"})


def start_nuke() -> None:
    """Run init.py of every folder on the plugin path, and menu.py if there is an interface."""
    pending, names = [FOLDER], ["init.py", *(["menu.py"] if nuke.GUI else [])]
    folders = []
    while pending:
        folder = pending.pop(0)
        folders.append(folder)
        stage.plugin_path = []
        if (folder / "init.py").is_file():
            run_file(folder / "init.py")
        pending += [(folder / path).resolve() for path in stage.plugin_path]
    for name in names[1:]:
        for folder in folders:
            if (folder / name).is_file():
                run_file(folder / name)
    stage.plugin_path = [str(folder) for folder in folders]


def command(label: str) -> None:
    (menu,) = [item for item in stage.menus["Nuke"]._items if item._name == "STCN"]
    (call,) = [item[1] for item in menu._items if item is not None and item[0] == label]
    call()


def select(*names: str) -> None:
    for op in stage.ops:
        op.selected = op.name in names


def ends() -> tuple[int, int, int]:
    """Count the ends of jobs: mattes that were delivered, messages, and cancelled jobs."""
    return stage.undo_steps.count("STCN mattes"), len(stage.messages), len(stage.printed)


def start(**values: Any) -> None:
    """Choose a command of the menu; fill in its panel, in the order of the arguments, and press Propagate."""
    command(values.pop("command"))
    for panel in [each for each in stage.open_panels if "propagate" in each.knobs()]:
        stage.answer(panel, **values)
        stage.press(panel, "propagate")
        stage.press(panel, "close_panel")


def work(**values: Any) -> None:
    """Choose a command of the menu and wait for the mattes or a message."""
    seen = ends()
    start(**values)
    stage.pump(lambda: ends() != seen)


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.glob("*.exr"))}


def times(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in sorted(folder.glob("*.exr"))}


def node_list() -> list[list[Any]]:
    return [[op.name, op.kind, [before.name if before else None for before in op.inputs]] for op in stage.ops]


def knob_values(name: str, *knobs: str) -> dict[str, Any]:
    return {knob: nuke.toNode(name)[knob].value() for knob in knobs}


def artist(plate: str, work_folder: str) -> dict[str, Any]:
    """Propagate, update, use another layout and a rendered plate, cancel, go on, and make an error."""
    from nuke_stage.curves import draw
    from nuke_stage.script_text import script_text

    out, results = Path(work_folder), dict[str, Any]()
    read = nuke.nodes.Read()
    read["file"].fromUserText(f"{plate} 1001-1008")
    for name, discs in (("hero", {1001: (30, 40, 14), 1004: (36, 40, 14)}), ("ball", {1001: (70, 20, 9)})):
        roto = nuke.nodes.Roto()
        roto.setName(name)
        draw(roto._op(), discs)
        roto.setInput(0, read)
    nuke.root()["proxy"].setValue(True)
    nuke.frame(1003)

    select("Read1", "hero", "ball")
    pattern = f"{out.as_posix()}/mattes/sh010.####.exr"
    pressed = time.monotonic()
    work(
        command="Propagate roto...",
        preset="draft",
        device="cpu",
        out=pattern,
    )
    results["first"] = {
        "seconds": time.monotonic() - pressed,
        "messages": list(stage.messages),
        "nodes": node_list(),
        "script": script_text(),
        "read": knob_values("STCN_sh010_Read1", "file", "first", "last", "raw", "on_error"),
        "backdrop": knob_values("STCN_sh010_BackdropNode1", "stcn_shot", "stcn_out", "stcn_plate", "stcn_sources"),
        "rendered": list(stage.rendered),
        "progress": stage.tasks[0]._log,
        "steps": list(stage.undo_steps),
        "digests": digests(out / "mattes"),
        "left": [nuke.root()["proxy"].value(), nuke.frame(), stage.undo_off],
        "bridge": sys.modules["stcn_plugin.bridge"].__file__,
        "shot_file": Path(f"{out}/mattes/sh010.stcn.yaml").read_text("utf-8"),
    }

    draw(nuke.toNode("hero")._op(), {1001: (30, 40, 14), 1004: (36, 40, 14), 1007: (42, 40, 16)})
    select("STCN_sh010_BackdropNode1")
    pressed = time.monotonic()
    work(command="Update")
    results["update"] = {
        "seconds": time.monotonic() - pressed,
        "messages": list(stage.messages),
        "digests": digests(out / "mattes"),
        "nodes": node_list(),
        "read": knob_values("STCN_sh010_Read1", "first", "last"),
        "reloads": nuke.toNode("STCN_sh010_Read1")._op().reloads,
        "backdrop": knob_values("STCN_sh010_BackdropNode1", "stcn_sources"),
        "shot_file": Path(f"{out}/mattes/sh010.stcn.yaml").read_text("utf-8"),
    }

    before = times(out / "mattes")
    work(command="Update")
    results["nothing"] = {
        "messages": list(stage.messages),
        "untouched": times(out / "mattes") == before,
        "read": knob_values("STCN_sh010_Read1", "first", "last"),
        "reloads": nuke.toNode("STCN_sh010_Read1")._op().reloads,
        "nodes": node_list(),
    }

    brighter = nuke.nodes.Multiply(value=1.0)
    brighter.setInput(0, read)
    nuke.frame(1001)
    select("Multiply1", "hero")
    work(
        command="Propagate roto...",
        plate="Multiply1",
        range="1001-1002",
        output_layout="cryptomatte",
        preset="draft",
        device="cpu",
        out=f"{out.as_posix()}/crypto/sh010c.####.exr",
    )
    results["rendered_plate"] = {
        "messages": list(stage.messages),
        "plates": sorted(path.name for path in (out / "crypto" / "plate").iterdir()),
        "mattes": sorted(path.name for path in (out / "crypto").glob("*.exr")),
        "nodes": node_list(),
        "pick": knob_values("STCN_sh010c_Cryptomatte1", "matteList") if not stage.messages else None,
        "shot_file": Path(f"{out}/crypto/sh010c.stcn.yaml").read_text("utf-8"),
    }

    before = times(out / "crypto")
    select("STCN_sh010c_BackdropNode1")
    work(command="Update")
    results["rendered_again"] = {
        "messages": list(stage.messages),
        "untouched": times(out / "crypto") == before,
        "plates": len(list((out / "crypto" / "plate").iterdir())),
    }

    stage.cancel_task_at = 4
    pressed = time.monotonic()
    select("Read1", "hero")
    work(
        command="Propagate roto...",
        when="at the current frame",
        output_layout="from the preset",
        preset="draft",
        device="cpu",
        out=f"{out.as_posix()}/stopped/sh010s.####.exr",
    )
    stage.pump(lambda: stage.calls.empty())
    results["cancelled"] = {
        "seconds": time.monotonic() - pressed,
        "messages": list(stage.messages),
        "printed": stage.printed[-1],
        "nodes": [entry for entry in node_list() if "sh010s" in entry[0]],
        "times": times(out / "stopped"),
        "on_error": knob_values("STCN_sh010s_Read1", "on_error")["on_error"],
        "label": nuke.toNode("STCN_sh010s_BackdropNode1")["label"].evaluate(),
    }

    stage.cancel_task_at = None
    nuke.frame(1008)
    work(command="Propagate roto...")
    results["resumed"] = {
        "messages": list(stage.messages),
        "times": times(out / "stopped"),
        "digests": digests(out / "stopped"),
        "read": knob_values("STCN_sh010s_Read1", "first", "last", "on_error"),
        "label": nuke.toNode("STCN_sh010s_BackdropNode1")["label"].evaluate(),
        "shot_file": Path(f"{out}/stopped/sh010s.stcn.yaml").read_text("utf-8"),
    }

    seen, tasks = ends(), len(stage.tasks)
    for name in ("one", "two"):
        start(
            command="Propagate roto...",
            when="at the current frame",
            range="1007-1008",
            out=f"{out.as_posix()}/{name}/{name}.####.exr",
        )
    stage.pump(lambda: ends()[0] == seen[0] + 2 or ends()[1] != seen[1])
    results["queued"] = {
        "messages": list(stage.messages),
        "order": [op.knob_values["stcn_out"].value() for op in stage.ops if op.kind == "BackdropNode"][-2:],
        "logs": [task._log for task in stage.tasks[tasks:]],
    }

    stage.cancel_task_at = 1
    select("Multiply1", "hero")
    work(command="Propagate roto...", range="1001-1008", out=f"{out.as_posix()}/plates/sh010p.####.exr")
    results["plate_cancelled"] = {
        "messages": list(stage.messages),
        "printed": stage.printed[-1],
        "plates": sorted(path.name for path in (out / "plates" / "plate").iterdir()),
    }
    stage.cancel_task_at = None
    select("Read1", "hero")

    read["colorspace"].setValue("no such space")
    work(command="Propagate roto...", preset="draft", device="cpu", out=f"{out.as_posix()}/wrong/sh010w.####.exr")
    results["error"] = list(stage.messages)
    return results


def main() -> int:
    start_nuke()
    if sys.argv[2] == "artist":
        Path(sys.argv[5]).write_text(json.dumps(artist(*sys.argv[3:5])), "utf-8")
        return 0
    if sys.argv[2] == "batch":  # as `nuke -t batch.py ...` does it
        script = Path(sys.argv[3])
        sys.argv = [str(script), *sys.argv[4:]]
        # Nuke takes a number or a range at the end for the frames to render.
        if sys.argv[-1].replace("-", "").replace(",", "").isdigit():
            sys.argv.pop()
        run_file(script)
    return 0


if __name__ == "__main__":
    os.environ.setdefault("NUKE_STAND_IN_LIBRARIES", "")
    sys.exit(main())
