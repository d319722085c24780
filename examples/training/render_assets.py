"""Render clips, or single things that move, from models and skies that others made, to train on.

    pip install "bpy==4.5.*" "OpenImageIO<3.1"
    python examples/training/render_assets.py OUT --licences licences.csv --clips 300 --seed 1
    python examples/training/render_assets.py OUT --licences licences.csv --cut-outs --clips 300 --seed 1

Nothing is fetched. The list of licences names the folders of models (glb, gltf, fbx, obj, blend) and skies (hdr, exr),
and what may be done with them; what is in no folder of it is not used. Licences and sources are written beside the clips.
A clip follows from the files, the seed and its number; those that are there already are left as they are.
"""

from __future__ import annotations

import sys
import tempfile
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "shot"))  # its shapes and shaders are used here too

import numpy as np
from asset_scene import cut_outs, stage
from asset_scene.catalogue import Catalogue, CatalogueError, read_catalogue, write_licences
from clip_scene import making, rendering

LICENCES = "licences.csv"
"""Name of the list that is written beside the clips."""


def main() -> None:
    """Render the clips that are not there yet; one line each."""
    parser = making.parser("Render clips of models that others made, to train on.", size="384x288", frames=6)
    parser.add_argument("--licences", type=Path, required=True, help="CSV file: folder,licence,source")
    parser.add_argument("--cut-outs", action="store_true", help="single things with alpha, and nothing around them")
    options = parser.parse_args()
    try:
        catalogue = read_catalogue(options.licences)
    except CatalogueError as error:
        raise SystemExit(str(error)) from error
    options.out.mkdir(parents=True, exist_ok=True)
    write_licences(options.out / LICENCES, catalogue.licences)
    if options.cut_outs:
        making.make_all(options, "thing", partial(_cut_out, catalogue))
    else:
        making.make_all(options, "clip", partial(_clip, catalogue))


def _clip(catalogue: Catalogue, clip: making.Clip, folder: Path) -> str:
    with tempfile.TemporaryDirectory() as scratch:
        build = partial(stage.build, catalogue, frames=clip.frames)
        return making.render(clip, folder, Path(scratch), build)


def _cut_out(catalogue: Catalogue, clip: making.Clip, folder: Path) -> str:
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
