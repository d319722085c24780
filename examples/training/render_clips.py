"""Render clips to train on: made-up things that move, turn, bend and pass each other, with exact soft masks.

    pip install "bpy==4.5.*" "OpenImageIO<3.1"
    python examples/training/render_clips.py OUT --clips 300 --seed 1

Everything is computed, nothing is read. A clip follows from the seed and its number alone; those that are there already
are left as they are. Cycles on the CPU; no display, no GPU.
"""

from __future__ import annotations

import sys
import tempfile
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "shot"))  # its shapes and shaders are used here too

from clip_scene import making, stage


def main() -> None:
    """Render the clips that are not there yet; one line each."""
    options = making.parser("Render clips with masks to train on.", size="384x288", frames=6).parse_args()
    making.make_all(options, "clip", _render)


def _render(clip: making.Clip, folder: Path) -> str:
    with tempfile.TemporaryDirectory() as scratch:
        return making.render(clip, folder, Path(scratch), partial(stage.build, frames=clip.frames))


if __name__ == "__main__":
    main()
