"""Jobs of the real worker on forty small frames, with plugins that slow them down."""

from __future__ import annotations

from pathlib import Path

from stcn_plugin.media.images import read_image

FRAMES = 40

PRELUDE = """
import ctypes, os, signal, subprocess, sys, time
from stcn_plugin.bridge.hooks import hookimpl
"""

SLOW = """
@hookimpl
def stcn_process_mattes(frame, mattes):
    time.sleep(0.4)
"""


def complete_files(folder: Path) -> list[int]:
    """Read every file of a folder, which must be a matte, and return their frames. A folder must be that of the cache."""
    assert [path.name for path in folder.iterdir() if path.is_dir()] == ["m.exr.stcn-cache"]
    files = sorted(path for path in folder.iterdir() if path.is_file())
    for path in files:
        assert read_image(path).pixels.shape == (96, 144, 5)
    return [int(path.name.split(".")[1]) for path in files]
