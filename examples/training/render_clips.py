"""Render training clips of random moving objects with exact soft masks.

    pip install "bpy==4.5.*" "OpenImageIO<3.1"
    python examples/training/render_clips.py OUT --clips 300 --seed 1

No assets are read. A clip depends only on the seed and its number; existing clips are skipped. Renders with Cycles on the
CPU; needs neither display nor GPU.
"""

from __future__ import annotations

import sys
import tempfile
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "shot"))  # shared shapes and shaders

from clip_scene import runner, stage


def main() -> None:
    """Render the missing clips; print one line per clip."""
    options = runner.parser("Render training clips with masks.", size="384x288", frames=6).parse_args()
    runner.render_all(options, "clip", _render)


def _render(clip: runner.Clip, folder: Path) -> str:
    with tempfile.TemporaryDirectory() as scratch:
        return runner.render(clip, folder, Path(scratch), partial(stage.build, frames=clip.frames))


if __name__ == "__main__":
    main()
