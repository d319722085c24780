"""A run that makes clips: each whole or not at all, those that are there left alone, a line for every one."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from clip_scene import developing, rendering
from clip_scene.stage import Set

UNFINISHED = ".unfinished"
"""Folder in which a clip grows until it is whole."""
TAKES = 30
"""Scenes to try until every object is well in the picture."""
PREVIEW = 25
"""Per cent of the size at which that is looked at."""
SHARES = (0.02, 0.4)
"""Least and most of the first frame that an object covers."""

Build = Callable[[np.random.Generator, np.random.Generator], Set]
"""Builds a scene, of the chance that a clip has and that of one take."""


@dataclass(frozen=True)
class Clip:
    """What a clip is made by.

    Args:
        seed: Of all chance.
        number: Which clip.
        size: Of its pictures, width and height.
        frames: How many.
        samples: Rays per pixel of a plate.
        matte_samples: Most rays per pixel of a mask.
        threads: Of the CPU.
    """

    seed: int
    number: int
    size: tuple[int, int]
    frames: int
    samples: int
    matte_samples: int
    threads: int


def parser(description: str, *, size: str, frames: int) -> argparse.ArgumentParser:
    """Return a parser of the options that every such run has.

    Args:
        description: Of the program.
        size: Of the pictures, where none is asked for.
        frames: Of a clip, likewise.
    """
    made = argparse.ArgumentParser(description=description)
    made.add_argument("out", type=Path, help="folder that the clips are put in")
    made.add_argument("--clips", type=int, default=300, help="how many")
    made.add_argument("--seed", type=int, default=1, help="of all chance")
    made.add_argument("--first", type=int, default=1, help="number of the first clip")
    made.add_argument("--size", type=_size, default=size, help="of the pictures, pixels")
    made.add_argument("--frames", type=int, default=frames, help="of a clip")
    made.add_argument("--samples", type=int, default=4, help="rays per pixel of a plate, before the denoiser")
    made.add_argument("--matte-samples", type=int, default=64, help="most rays per pixel of a mask")
    made.add_argument("--threads", type=int, default=1, help="of the CPU")
    return made


def make_all(options: argparse.Namespace, name: str, make: Callable[[Clip, Path], str]) -> None:
    """Make the clips that are not there yet.

    Args:
        options: From `parser`.
        name: What the names of their folders begin with.
        make: Makes one in a folder, and says what is in it.
    """
    numbers = range(options.first, options.first + options.clips)
    for done, number in enumerate(numbers, 1):
        folder = options.out / f"{name}_{options.seed}_{number:05d}"
        if folder.exists():
            continue
        growing = options.out / UNFINISHED / folder.name
        shutil.rmtree(growing, ignore_errors=True)
        started = time.monotonic()
        clip = Clip(
            options.seed,
            number,
            options.size,
            options.frames,
            options.samples,
            options.matte_samples,
            options.threads,
        )
        with _quiet():
            told = make(clip, growing)
        growing.rename(folder)
        print(f"{folder.name}  {told}, {time.monotonic() - started:.1f} s  ({done} of {len(numbers)})", flush=True)
    with suppress(OSError):  # not there, or another run is at work in it
        (options.out / UNFINISHED).rmdir()


def render(clip: Clip, folder: Path, scratch: Path, build: Build) -> str:
    """Render plates and masks of one clip, and say what is in it.

    Args:
        clip: What it is made by.
        folder: Where to.
        scratch: A folder for what nobody needs later.
        build: Builds its scene.

    Raises:
        SystemExit: No scene that was tried has its objects well in the picture.
    """
    built, take = _build(clip, scratch, build)
    frames = range(1, clip.frames + 1)
    rendering.as_plate(clip.samples)
    look = None
    for frame in frames:
        linear = rendering.render(frame, scratch)
        look = look or developing.draw_look(np.random.default_rng((clip.seed, clip.number, TAKES)), linear)
        developing.write_plate(folder / "plates" / f"{frame:04d}.jpg", linear, look)
    rendering.as_mattes(clip.matte_samples)
    for frame in frames:
        coverage = rendering.render(frame, scratch)[..., : built.tracked]
        developing.write_masks(folder / "masks" / f"{frame:04d}", coverage)
    return f"objects: {built.tracked}, takes: {take + 1}"


def _build(clip: Clip, scratch: Path, build: Build) -> tuple[Set, int]:
    """Build scenes until the objects of one are neither too small, too large nor hidden on the first frame."""
    for take in range(TAKES):
        clip_chance = np.random.default_rng((clip.seed, clip.number))
        take_chance = np.random.default_rng((clip.seed, clip.number, take))
        built = build(clip_chance, take_chance)
        rendering.set_up(*clip.size, shutter=built.shutter, threads=clip.threads)
        rendering.as_mattes(4)
        first = rendering.render(1, scratch, per_cent=PREVIEW)[..., : built.tracked].mean((0, 1))
        if SHARES[0] < first.min() and first.max() < SHARES[1]:
            return built, take
    raise SystemExit(f"clip {clip.number} of seed {clip.seed}: no scene of {TAKES} has its objects well in the picture")


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    return int(width), int(height)


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
