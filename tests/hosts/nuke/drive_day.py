"""An artist's day in Nuke, and the next morning: each in a process of its own.

Runs as `drive`: ``python -S drive_day.py HOME PART PLATE FOLDER RECORD``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import drive
from drive import command, knob_values, nuke, select, start_nuke
from nuke_stage import stage
from nuke_stage.curves import draw
from nuke_stage.nodes import Format
from nuke_stage.pixels import library, picture

OBJECTS = ("hero", "ball", "flag")
LOOKED_AT = (1004, 1010)


def files(folder: Path) -> dict[str, int]:
    """Return when each EXR file of a folder and its subfolders was written."""
    return {str(file.relative_to(folder)): file.stat().st_mtime_ns for file in sorted(folder.rglob("*.exr"))}


def panel_values() -> dict[str, Any]:
    """Return what the open panel shows, by the labels of its knobs."""
    (panel,) = [each for each in stage.open_panels if "propagate" in each.knobs()]
    return {
        knob.label(): knob._shown() if knob.Class() == "Text_Knob" else knob.value() for knob in panel.knobs().values()
    }


def open_panel() -> dict[str, Any]:
    """Open the panel, wait for the worker, and close it; return what it shows."""
    command("Propagate roto...")
    stage.pump(lambda: panel_values()["worker"] == "ready")
    values = panel_values()
    for panel in [each for each in stage.open_panels if "propagate" in each.knobs()]:
        stage.press(panel, "close_panel")
    return values


def frame_list() -> list[list[str]]:
    """Return the rows of the list of doubtful frames, if it is open: label of the button, and text."""
    for panel in stage.open_panels:
        knobs = panel.knobs()
        if "mattes" in knobs and "propagate" not in knobs:
            return [
                [knobs[f"frame_{row}"].label(), knobs[f"text_{row}"]._shown()] for row in range((len(knobs) - 1) // 2)
            ]
    return []


def state(folder: Path) -> dict[str, Any]:
    """Return what the artist sees after a job, and the files."""
    backdrops = [op for op in stage.ops if op.kind == "BackdropNode"]
    seen = {
        "messages": list(stage.messages),
        "printed": list(stage.printed),
        "warnings": list(stage.warnings),
        "labels": [op.knob_values["label"].evaluate() for op in backdrops],
        "progress": [entry for entry in stage.tasks[-1]._log if isinstance(entry, str)] if stage.tasks else [],
        "frames": frame_list(),
        "nodes": sorted(op.kind for op in stage.ops),
        "files": files(folder / "mattes"),
    }
    stage.messages, stage.printed, stage.warnings = [], [], []
    return seen


def save_pixels(file: Path) -> None:
    """Save what the last node of the mattes shows, at the frames that are looked at."""
    (dot,) = [op for op in stage.ops if op.kind == "Dot"]
    channels = {f"{name}:{frame}": picture(dot, frame)[f"{name}.alpha"] for name in OBJECTS for frame in LOOKED_AT}
    library("numpy").savez(file, **channels)


def run(folder: Path, label: str = "Propagate roto...", **values: Any) -> dict[str, Any]:
    """Choose a command, press Propagate if there is a panel, wait for the end of the job; return what the artist sees."""
    ends = len(stage.messages), len(stage.printed)
    command(label)
    panels = [panel for panel in stage.open_panels if "propagate" in panel.knobs()]
    for panel in panels:
        stage.answer(panel, **values)
        stage.press(panel, "propagate")
    stage.pump(lambda: (len(stage.messages), len(stage.printed)) != ends)
    seen = state(folder)
    for panel in panels:
        seen["last job"] = panel.knobs()["result"]._shown()
        stage.press(panel, "close_panel")
    return seen


def first_day(plate: str, folder: Path) -> dict[str, Any]:
    """Draw three objects, propagate, cancel, go on, correct two frames, change the levels, Cryptomatte, save."""
    outlines = {int(frame): drawn for frame, drawn in json.loads((folder / "discs.json").read_text("utf-8")).items()}
    keys = {name: {frame: outlines[frame][name] for frame in (1001, 1007)} for name in OBJECTS}
    stage.root.knob_values["format"]._value = Format(160, 96, 1.0, "sh010")
    read = nuke.nodes.Read()
    read["file"].fromUserText(f"{plate} 1001-1012")
    roto = nuke.nodes.Roto()
    roto.setName("Roto1")
    roto.setInput(0, read)

    def draw_all() -> None:
        for number, (name, discs) in enumerate(keys.items()):
            draw(roto._op(), discs, group=name, keeps=number > 0)

    draw_all()
    script = folder / "comp.nk"
    nuke.scriptSaveAs(str(script))
    record = {}
    nuke.frame(1010)
    select("Read1", "Roto1")
    record["panel"] = open_panel()
    stage.cancel_task_at = 4
    record["cancel"] = run(folder)
    stage.cancel_task_at = None
    record["go on"] = run(folder)
    keys["hero"][1003], keys["ball"][1005] = outlines[1003]["hero"], outlines[1005]["ball"]
    draw_all()
    (backdrop,) = [op.name for op in stage.ops if op.kind == "BackdropNode"]
    select(backdrop)
    record["correct"] = run(folder, "Update")
    keep_mattes(folder, "corrected")
    levels: dict[str, Any] = {"use_matte_black": True, "matte_black": 0.3, "use_matte_white": True, "matte_white": 0.7}
    record["levels"] = run(folder, **levels)
    keep_mattes(folder, "levels")
    record["cryptomatte"] = run(folder, output_layout="cryptomatte")
    record["tab"] = knob_values(backdrop, "stcn_shot", "stcn_files", "stcn_weights")
    save_pixels(folder / "evening.npz")
    nuke.scriptSaveAs(str(script), overwrite=1)
    return record


def next_day(folder: Path) -> dict[str, Any]:
    """Open the script, look at everything, and press Propagate."""
    nuke.scriptOpen(str(folder / "comp.nk"))
    record: dict[str, Any] = {"opened": state(folder)}
    save_pixels(folder / "morning.npz")
    command("Doubtful frames...")
    record["doubtful"] = state(folder)
    select("Read1", "Roto1")
    record["panel"] = open_panel()
    record["again"] = run(folder)
    return record


def keep_mattes(folder: Path, name: str) -> None:
    """Keep a copy of the mattes as they are now."""
    (folder / name).mkdir()
    for file in (folder / "mattes" / "sh010").glob("*.exr"):
        (folder / name / file.name).write_bytes(file.read_bytes())


def main() -> None:
    start_nuke()
    part, plate, folder, record = sys.argv[2:6]
    found = first_day(plate, Path(folder)) if part == "first" else next_day(Path(folder))
    Path(record).write_text(json.dumps(found), "utf-8")


if __name__ == "__main__":
    assert drive.FOLDER
    main()
