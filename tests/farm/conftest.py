"""A shot with five segments in a folder whose name shells and Open Job Description would evaluate."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from golden.stand_in import golden_frames, golden_masks
from PIL import Image

COUNT = 10
HEIGHT, WIDTH = 64, 96
FIRST = 1001
FOLDER = "it's $(exit 3) {{Param.Threads}} \u00e9 \\n"
STCN = [sys.executable, "-m", "stcn_plugin"]


@dataclass(frozen=True)
class FarmShot:
    """A shot on disk, and a program that records its arguments in place of ``stcn``."""

    folder: Path
    file: Path
    program: Path

    def stcn(self, *arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
        command = [*STCN, *map(str, arguments)]
        return subprocess.run(
            command, cwd=self.folder, capture_output=True, text=True, env={**os.environ, **environment}
        )

    def recorded(self) -> list[Mapping[str, Sequence[str]]]:
        """Return the arguments and environment of every call of the program, in no particular order."""
        return [json.loads(path.read_text()) for path in sorted(self.program.parent.glob("call.*.json"))]


def write_shot(folder: Path, name: str, *, keyframes: int = 5) -> Path:
    """Write a plate of `COUNT` frames and a shot file whose keyframes begin that many segments."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, frame in enumerate(golden_frames(COUNT, HEIGHT, WIDTH)):
        Image.fromarray(frame).save(folder / f"p.{FIRST + number}.png")
    step = COUNT // keyframes
    keys = range(0, COUNT, step)
    for index in keys:
        mask = golden_masks(HEIGHT, WIDTH, index)[0]
        Image.fromarray(mask * 255).save(folder / f"key.{FIRST + index}.png")
    lines = "".join(f"  {FIRST + index}: key.{FIRST + index}.png\n" for index in keys)
    file = folder / name
    out = f"out {file.stem}/m.####.exr"
    text = f"plate: p.####.png\nkeyframes:\n{lines}out: {json.dumps(out)}\nsize: 64\nobjects: [hero]\n"
    file.write_text(text)
    return file


@pytest.fixture
def shot(tmp_path) -> FarmShot:
    file = write_shot(tmp_path / FOLDER, "sh 010.yaml")
    program = tmp_path / "bin" / "record it"
    program.parent.mkdir()
    program.write_text(
        f"#!{sys.executable}\nimport json, os, sys, tempfile\n"
        "handle, path = tempfile.mkstemp('.json', 'call.', os.path.dirname(os.path.abspath(__file__)))\n"
        "with os.fdopen(handle, 'w') as file:\n"
        "    json.dump({'arguments': sys.argv[1:], 'environment': dict(os.environ)}, file)\n"
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return FarmShot(file.parent, file, program)
