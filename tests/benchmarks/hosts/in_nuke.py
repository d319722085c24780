"""Press Propagate in the stand-in for Nuke twice; write the seconds until the script shows the first matte.

Runs as `drive`: ``python -S in_nuke.py HOME SHOT FOLDER PRESET RESULTS``.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from drive import nuke, select, start, start_nuke
from nuke_stage import stage


def main() -> None:
    start_nuke()
    shot, folder, preset = Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4]
    plate, key = nuke.nodes.Read(), nuke.nodes.Read()
    plate["file"].fromUserText(f"{shot.as_posix()}/plates/two_objects.####.exr 1001-1040")
    key["file"].fromUserText(f"{shot.as_posix()}/keyframes/keyframe.####.exr 1001-1001")
    matte = nuke.nodes.Copy(from0="hare.alpha", to0="rgba.alpha")
    for index in range(2):
        matte.setInput(index, key)
    nuke.frame(1001)
    select("Read1", "Copy1")
    seconds = [_first_matte(folder / name, preset) for name in ("cold", "warm")]
    Path(sys.argv[5]).write_text(json.dumps({"version": "stand-in", "seconds": seconds}), "utf-8")


def _first_matte(out: Path, preset: str) -> float:
    """Run a job; return the seconds until a matte is on disk, and the script has read it."""
    pressed, printed = time.perf_counter(), len(stage.printed)
    start(
        command="Propagate roto...",
        when="at the current frame",
        range="1001-1004",
        preset=preset,
        out=f"{out.as_posix()}/{out.name}.####.exr",
    )

    def is_shown() -> bool:
        read = nuke.toNode(f"STCN_{out.name}_Read1")
        return read is not None and read._op().reloads > 1 and any(out.glob("*.exr"))

    stage.pump(lambda: is_shown() or stage.messages)
    seconds = time.perf_counter() - pressed
    stage.pump(lambda: len(stage.printed) > printed or stage.messages)
    assert not stage.messages, stage.messages
    return seconds


if __name__ == "__main__":
    main()
