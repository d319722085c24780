"""Render training clips, or animated cut-outs, from 3D models and HDRIs.

    pip install "bpy==4.5.*" "OpenImageIO<3.1"
    python examples/training/render_assets.py OUT --licences licences.csv --clips 300 --seed 1
    python examples/training/render_assets.py OUT --licences licences.csv --cut-outs --clips 300 --seed 1

Nothing is downloaded. The CSV file lists folders of models (glb, gltf, fbx, obj, blend) and HDRIs (hdr, exr) with their
licences; other files are not used. Licences and sources are written next to the clips. A clip depends only on the files,
the seed and its number; existing clips are skipped.
"""

from __future__ import annotations

import sys
import tempfile
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "shot"))  # shared shapes and shaders

import numpy as np
from asset_scene import cut_outs, stage
from asset_scene.catalogue import Catalogue, CatalogueError, read_catalogue, write_licences
from clip_scene import rendering, runner

LICENCES = "licences.csv"
"""Name of the list written next to the clips."""


def main() -> None:
    """Render the missing clips; print one line per clip."""
    parser = runner.parser("Render training clips of 3D models.", size="384x288", frames=6)
    parser.add_argument("--licences", type=Path, required=True, help="CSV file: folder,licence,source")
    parser.add_argument("--cut-outs", action="store_true", help="render single models with alpha, without surroundings")
    options = parser.parse_args()
    try:
        catalogue = read_catalogue(options.licences)
    except CatalogueError as error:
        raise SystemExit(str(error)) from error
    options.out.mkdir(parents=True, exist_ok=True)
    write_licences(options.out / LICENCES, catalogue.licences)
    if options.cut_outs:
        runner.render_all(options, "thing", partial(_cut_out, catalogue))
    else:
        runner.render_all(options, "clip", partial(_clip, catalogue))


def _clip(catalogue: Catalogue, clip: runner.Clip, folder: Path) -> str:
    with tempfile.TemporaryDirectory() as scratch:
        build = partial(stage.build, catalogue, frames=clip.frames)
        return runner.render(clip, folder, Path(scratch), build)


def _cut_out(catalogue: Catalogue, clip: runner.Clip, folder: Path) -> str:
    rng = np.random.default_rng((clip.seed, clip.number))
    shutter = cut_outs.build(catalogue, rng, frames=clip.frames)
    rendering.set_up(*clip.size, shutter=shutter, threads=clip.threads)
    rendering.as_plate(clip.samples)
    look = None
    with tempfile.TemporaryDirectory() as scratch:
        for frame in range(1, clip.frames + 1):
            rgba = cut_outs.render(frame, Path(scratch))
            look = look or cut_outs.exposed(rng, rgba)
            cut_outs.write(folder / f"{frame:04d}.png", rgba, look)
    return f"frames: {clip.frames}"


if __name__ == "__main__":
    main()
