"""Render clips to train on: made-up things that move, turn, bend and pass each other, with exact soft masks.

    pip install "bpy==4.5.*" "OpenImageIO<3.1"
    python examples/training/render_clips.py OUT --clips 300 --seed 1

Everything is computed, nothing is read. A clip follows from the seed and its number alone; those that are there already
are left as they are. Cycles on the CPU; no display, no GPU.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "shot"))  # its shapes and shaders are used here too

import numpy as np
from clip_scene import developing, rendering, stage

UNFINISHED = ".unfinished"
"""Folder in which a clip grows until it is whole."""
TAKES = 30
"""Scenes to try until every object is well in the picture."""
PREVIEW = 25
"""Per cent of the size at which that is looked at."""
SHARES = (0.02, 0.4)
"""Least and most of the first frame that an object covers."""


def main() -> None:
    """Render the clips that are not there yet; one line each."""
    options = _options()
    numbers = range(options.first, options.first + options.clips)
    for done, number in enumerate(numbers, 1):
        folder = options.out / f"clip_{options.seed}_{number:05d}"
        if folder.exists():
            continue
        growing = options.out / UNFINISHED / folder.name
        shutil.rmtree(growing, ignore_errors=True)
        started = time.monotonic()
        with _quiet():
            told = _render(options, number, growing)
        growing.rename(folder)
        print(f"{folder.name}  {told}, {time.monotonic() - started:.1f} s  ({done} of {len(numbers)})", flush=True)
    with suppress(OSError):  # not there, or another run is at work in it
        (options.out / UNFINISHED).rmdir()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Render clips with masks to train on.")
    parser.add_argument("out", type=Path, help="folder that the clips are put in")
    parser.add_argument("--clips", type=int, default=300, help="how many")
    parser.add_argument("--seed", type=int, default=1, help="of all chance")
    parser.add_argument("--first", type=int, default=1, help="number of the first clip")
    parser.add_argument("--size", type=_size, default="384x288", help="of the pictures, pixels")
    parser.add_argument("--frames", type=int, default=6, help="of a clip")
    parser.add_argument("--samples", type=int, default=4, help="rays per pixel of a plate, before the denoiser")
    parser.add_argument("--matte-samples", type=int, default=64, help="most rays per pixel of a mask")
    parser.add_argument("--threads", type=int, default=1, help="of the CPU")
    return parser.parse_args()


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    return int(width), int(height)


def _render(options: argparse.Namespace, number: int, folder: Path) -> str:
    """Render one clip and say what is in it."""
    with tempfile.TemporaryDirectory() as scratch:
        built, take = _build(options, number, Path(scratch))
        frames = range(1, options.frames + 1)
        rendering.as_plate(options.samples)
        look = None
        for frame in frames:
            linear = rendering.render(frame, Path(scratch))
            look = look or developing.draw_look(np.random.default_rng((options.seed, number, TAKES)), linear)
            developing.write_plate(folder / "plates" / f"{frame:04d}.jpg", linear, look)
        rendering.as_mattes(options.matte_samples)
        for frame in frames:
            coverage = rendering.render(frame, Path(scratch))[..., : built.tracked]
            developing.write_masks(folder / "masks" / f"{frame:04d}", coverage)
    return f"objects: {built.tracked}, takes: {take + 1}"


def _build(options: argparse.Namespace, number: int, scratch: Path) -> tuple[stage.Set, int]:
    """Build scenes until the objects of one are neither too small, too large nor hidden on the first frame.

    Raises:
        SystemExit: None was.
    """
    for take in range(TAKES):
        clip_chance = np.random.default_rng((options.seed, number))
        take_chance = np.random.default_rng((options.seed, number, take))
        built = stage.build(clip_chance, take_chance, frames=options.frames)
        rendering.set_up(*options.size, shutter=built.shutter, threads=options.threads)
        rendering.as_mattes(4)
        first = rendering.render(1, scratch, per_cent=PREVIEW)[..., : built.tracked].mean((0, 1))
        if SHARES[0] < first.min() and first.max() < SHARES[1]:
            return built, take
    raise SystemExit(f"clip {number} of seed {options.seed}: no scene of {TAKES} has its objects well in the picture")


@contextmanager
def _quiet() -> Iterator[None]:
    """Hide what Blender tells about every frame."""
    sys.stdout.flush()
    kept = os.dup(1)
    with open(os.devnull, "wb") as nowhere:  # noqa: PTH123 - a descriptor is what is replaced
        os.dup2(nowhere.fileno(), 1)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)


if __name__ == "__main__":
    main()
