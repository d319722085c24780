"""Renders a series of clips. Each is written completely or not at all; existing clips are skipped."""

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

from clip_scene import output, rendering
from clip_scene.stage import BuiltScene

UNFINISHED = ".unfinished"
"""Folder of incomplete clips."""
MAX_ATTEMPTS = 30
"""Scenes to try until every object is visible."""
PREVIEW = 25
"""Resolution of this check, in per cent."""
SHARES = (0.02, 0.4)
"""Minimum and maximum coverage of the first frame by an object."""

Build = Callable[[np.random.Generator, np.random.Generator], BuiltScene]
"""Builds a scene from the random generators of the clip and of the attempt."""


@dataclass(frozen=True)
class Clip:
    """Parameters of a clip.

    Args:
        seed: Random seed.
        number: Number of the clip.
        size: Width and height in pixels.
        frames: Number of frames.
        samples: Samples per pixel of a plate.
        matte_samples: Maximum samples per pixel of a mask.
        threads: CPU threads.
    """

    seed: int
    number: int
    size: tuple[int, int]
    frames: int
    samples: int
    matte_samples: int
    threads: int


def parser(description: str, *, size: str, frames: int) -> argparse.ArgumentParser:
    """Return a parser with the common options.

    Args:
        description: Description of the program.
        size: Default size of the images.
        frames: Default number of frames.
    """
    made = argparse.ArgumentParser(description=description)
    made.add_argument("out", type=Path, help="output folder")
    made.add_argument("--clips", type=int, default=300, help="number of clips")
    made.add_argument("--seed", type=int, default=1, help="random seed")
    made.add_argument("--first", type=int, default=1, help="number of the first clip")
    made.add_argument("--size", type=_size, default=size, help="width and height in pixels")
    made.add_argument("--frames", type=int, default=frames, help="frames per clip")
    made.add_argument("--samples", type=int, default=4, help="samples per pixel of a plate, before denoising")
    made.add_argument("--matte-samples", type=int, default=64, help="maximum samples per pixel of a mask")
    made.add_argument("--threads", type=int, default=1, help="CPU threads")
    return made


def render_all(options: argparse.Namespace, name: str, make: Callable[[Clip, Path], str]) -> None:
    """Render the missing clips.

    Args:
        options: From `parser`.
        name: Prefix of the folder names.
        make: Renders a clip into a folder, and returns a summary.
    """
    numbers = range(options.first, options.first + options.clips)
    for done, number in enumerate(numbers, 1):
        folder = options.out / f"{name}_{options.seed}_{number:05d}"
        if folder.exists():
            continue
        unfinished = options.out / UNFINISHED / folder.name
        shutil.rmtree(unfinished, ignore_errors=True)
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
            summary = make(clip, unfinished)
        unfinished.rename(folder)
        print(f"{folder.name}  {summary}, {time.monotonic() - started:.1f} s  ({done} of {len(numbers)})", flush=True)
    with suppress(OSError):  # missing, or in use by another run
        (options.out / UNFINISHED).rmdir()


def render(clip: Clip, folder: Path, scratch: Path, build: Build) -> str:
    """Render plates and masks of a clip, and return a summary.

    Args:
        clip: Parameters of the clip.
        folder: Output folder.
        scratch: Folder for temporary files.
        build: Builds the scene.

    Raises:
        SystemExit: The objects were not visible in any attempt.
    """
    built, attempt = _build(clip, scratch, build)
    frames = range(1, clip.frames + 1)
    rendering.as_plate(clip.samples)
    look = None
    for frame in frames:
        linear = rendering.render(frame, scratch)
        look = look or output.random_look(np.random.default_rng((clip.seed, clip.number, MAX_ATTEMPTS)), linear)
        output.write_plate(folder / "plates" / f"{frame:04d}.jpg", linear, look)
    rendering.as_mattes(clip.matte_samples)
    for frame in frames:
        coverage = rendering.render(frame, scratch)[..., : built.tracked]
        output.write_masks(folder / "masks" / f"{frame:04d}", coverage)
    return f"objects: {built.tracked}, attempts: {attempt + 1}"


def _build(clip: Clip, scratch: Path, build: Build) -> tuple[BuiltScene, int]:
    """Build scenes until all objects have an acceptable coverage of the first frame."""
    for attempt in range(MAX_ATTEMPTS):
        clip_rng = np.random.default_rng((clip.seed, clip.number))
        attempt_rng = np.random.default_rng((clip.seed, clip.number, attempt))
        built = build(clip_rng, attempt_rng)
        rendering.set_up(*clip.size, shutter=built.shutter, threads=clip.threads)
        rendering.as_mattes(4)
        first = rendering.render(1, scratch, per_cent=PREVIEW)[..., : built.tracked].mean((0, 1))
        if SHARES[0] < first.min() and first.max() < SHARES[1]:
            return built, attempt
    raise SystemExit(f"clip {clip.number} of seed {clip.seed}: objects not visible in {MAX_ATTEMPTS} attempts")


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    return int(width), int(height)


@contextmanager
def _quiet() -> Iterator[None]:
    """Suppress the output of Blender."""
    sys.stdout.flush()
    stdout = os.dup(1)
    with open(os.devnull, "wb") as nowhere:  # noqa: PTH123 - the descriptor is needed
        os.dup2(nowhere.fileno(), 1)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(stdout, 1)
        os.close(stdout)
