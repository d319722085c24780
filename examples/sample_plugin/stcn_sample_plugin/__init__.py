"""A studio plugin with one hook of each kind: ``.npy`` plates, mattes without specks, a show's presets and weights, a log.

The show's folder comes from the environment, so that one plugin serves every show::

    SAMPLE_SHOW=/shows/badger
    /shows/badger/weights/*.safetensors    weights that presets can name: badger_fur.safetensors is `badger_fur`
    /shows/badger/mattes.jsonl             log, one line of JSON per shot and frame
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from stcn_plugin import Report, STCNError
from stcn_plugin.studio import PlateFiles, hookimpl

from .log import record

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SHOW_VARIABLE = "SAMPLE_SHOW"


@hookimpl
def stcn_preset_folders() -> Sequence[Path]:
    """Return the folder of the plugin's presets."""
    return [Path(__file__).parent / "presets"]


@hookimpl
def stcn_weights_files() -> Mapping[str, Path]:
    """Return the show's weights."""
    folder = _show_folder()
    return {file.stem: file for file in folder.glob("weights/*.safetensors")} if folder else {}


@hookimpl
def stcn_open_plate(pattern: str) -> PlateFiles | None:
    """Read ``.npy`` plates; leave all others to the next plugin."""
    if not pattern.endswith(".npy"):
        return None
    from .plates import NumpyPlates  # imported only here, so that `stcn presets list` stays fast

    return NumpyPlates()


@hookimpl
def stcn_process_mattes(mattes: Mapping[str, NDArray[np.float32]]) -> Mapping[str, NDArray[np.float32]]:
    """Remove specks from every matte. The hook leaves out arguments that it does not need."""
    from .specks import without_specks

    return {name: without_specks(matte) for name, matte in mattes.items()}


@hookimpl
def stcn_shot_started(out: str, frames: Sequence[int], objects: Sequence[str]) -> None:
    """Log a shot."""
    record(_show_folder(), "started", out=out, frames=len(frames), objects=list(objects))


@hookimpl
def stcn_frame_written(frame: int, files: Sequence[Path]) -> None:
    """Log a frame."""
    record(_show_folder(), "written", frame=frame, files=[str(file) for file in files])


@hookimpl
def stcn_shot_finished(report: Report) -> None:
    """Log the end of a shot."""
    seconds = {stage: round(spent, 3) for stage, spent in report.seconds.items()}
    record(_show_folder(), "finished", frames=len(report.frames), patterns=dict(report.patterns), seconds=seconds)


@hookimpl
def stcn_shot_failed(out: str, error: STCNError) -> None:
    """Log the error."""
    record(_show_folder(), "failed", out=out, error=str(error))


def _show_folder() -> Path | None:
    folder = os.environ.get(SHOW_VARIABLE)
    return Path(folder) if folder else None
