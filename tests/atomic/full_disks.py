"""Writes every kind of file repeatedly, with one more page of free space each time, and checks the result.

    python full_disks.py disk|limit|disk-without-memory FOLDER

``disk`` mounts a small disk at the folder, in a separate mount namespace, and fills it except for some pages. ``limit``
limits the size of files to some pages. ``disk-without-memory`` also keeps temporary files on the disk, as on systems
without files in memory. Prints JSON: each kind of file with its `Facts`.
"""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from stcn_plugin.atomic import Outputs
from stcn_plugin.errors import STCNError
from stcn_plugin.install import nuke
from stcn_plugin.install.blender import build_extension
from stcn_plugin.media.matte_writer import MatteWriter
from stcn_plugin.media.overlays import OverlayWriter
from stcn_plugin.media.sequences import FrameSequence
from stcn_plugin.media.window import FrameHeader, Window
from stcn_plugin.network.variants import VARIANTS
from stcn_plugin.shot.file import make_shot
from stcn_plugin.shot.writer import save_shot
from stcn_plugin.training.checkpoints import Checkpoint, save_checkpoint
from stcn_plugin.training.history import History
from stcn_plugin.weights.reading import LoadedWeights, write_weights

PAGE = 4096
DISK = 1 << 21
BEFORE = b"# A shot as it was last propagated.\n# what stood there before\n"
TIME = re.compile(rb"\d{4}:\d\d:\d\d \d\d:\d\d:\d\d")
COMPRESSIONS = ("none", "rle", "zips", "zip", "piz", "dwaa", "dwab")
LAYOUTS = ("layers", "per_object", "cryptomatte")

WINDOW = Window(0, 0, 96, 48)
HEADER = FrameHeader(WINDOW, WINDOW)
RNG = np.random.default_rng(1)
MATTES = {name: RNG.random(WINDOW.shape, np.float32) for name in ("hero", "villain")}
PICTURE = RNG.random((*WINDOW.shape, 3), np.float32)

Write = Callable[[Path], Sequence[Path]]
"""Writes files to a folder and returns them."""


@dataclass
class Facts:
    """The results of one kind of file.

    Args:
        tries: Number of writes, with up to just enough space.
        errors: Number of failed writes.
        broken: Free pages with an incomplete file under its final name, or none without an error.
        lost: Free pages with the previous file lost, or only one of two related files replaced.
        left: Free pages with another file left in the folder.
        wordless: Errors without the file or the cause.
    """

    tries: int
    errors: int
    broken: list[int]
    lost: list[int]
    left: list[int]
    wordless: list[str]


def mattes(folder: Path, *, suffix: str, **settings: Any) -> Sequence[Path]:
    sequence = FrameSequence.parse(folder / f"m.####.{suffix}")
    return MatteWriter(sequence, objects=list(MATTES), **settings).write(1, MATTES, window=WINDOW, header=HEADER)


def overlay(folder: Path) -> Sequence[Path]:
    return [OverlayWriter(folder, width=144, frames=[1]).add(1, PICTURE, MATTES)]


def sheet(folder: Path) -> Sequence[Path]:
    writer = OverlayWriter(folder, width=144, frames=[1])
    writer.draw(1, PICTURE, MATTES)
    found = writer.finish()
    assert found
    return [found]


def checkpoint(folder: Path) -> Sequence[Path]:
    numbers = torch.arange(6000, dtype=torch.float32)
    return [save_checkpoint(folder, Checkpoint(1, {"w": numbers, "v": numbers + 1}, {}, {}, -1.0, 0.0))]


def curves(folder: Path) -> Sequence[Path]:
    history = History(folder, step=0, validated_step=0)
    history._read = lambda name: STEPS if name == "steps.csv" else []  # type: ignore[method-assign]
    history.draw()
    return [folder / "curves.png"]


def weights(folder: Path) -> Sequence[Path]:
    tensors = {"a": torch.arange(5000, dtype=torch.float32)}
    write_weights(folder / "w.safetensors", LoadedWeights(VARIANTS["lite"], tensors, {}))
    return [folder / "w.safetensors"]


def shot(folder: Path) -> Sequence[Path]:
    keyframes = {frame: f"roto/{'x' * 60}.{frame}.png" for frame in range(1, 150)}
    return [save_shot(make_shot(plate="p.####.exr", keyframes=keyframes, out="m.####.exr"), folder / "s.yaml")]


def report(folder: Path) -> Sequence[Path]:
    Outputs().write(folder / "scores.json", b"0.5, " * 3000)
    return [folder / "scores.json"]


def blender(folder: Path) -> Sequence[Path]:
    return [build_extension(folder / "stcn.zip", python="/usr/bin/python3")]


def nuke_folder(folder: Path) -> Sequence[Path]:
    nuke.install(folder / ".nuke", python="/usr/bin/python3")
    return sorted(path for path in (folder / ".nuke").rglob("*") if path.is_file())


ROW = {"step": 1, "loss": 0.5, "iou": 0.5, "learning_rate": 1e-4, "seconds": 1.0, "data_seconds": 0.0}
STEPS = [{key: str(value) for key, value in ROW.items()} for _ in range(50)]
PICTURES: dict[str, Write] = {
    **{
        f"exr {compression} {layout}": partial(mattes, suffix="exr", compression=compression, layout=layout)
        for compression in COMPRESSIONS
        for layout in LAYOUTS
    },
    **{f"{suffix} {depth}": partial(mattes, suffix=suffix, depth=depth) for suffix in ("png", "tif") for depth in ("uint8", "uint16")},
}  # fmt: skip
OTHERS: dict[str, Write] = {
    "overlay": overlay,
    "contact sheet": sheet,
    "checkpoint": checkpoint,
    "curves": curves,
    "weights": weights,
    "shot file": shot,
    "report": report,
    "blender extension": blender,
    "nuke plugin": nuke_folder,
}


def sweep(write: Write, folder: Path, room: Callable[[int], object]) -> Facts:
    """Write a kind of file with increasing free space."""
    fresh(folder)
    whole = {path: masked(path) for path in write(folder)}
    replaced = [path for path in whole if len(path.relative_to(folder).parts) == 1]  # those that are written alone
    facts = Facts(0, 0, [], [], [], [])
    for pages in range(sum(-(-len(content) // PAGE) for content in whole.values()) + 2):
        fresh(folder)
        for path in replaced:
            path.write_bytes(BEFORE)
        error = None
        try:
            with room(pages):  # type: ignore[attr-defined]
                write(folder)
        except STCNError as caught:
            error = str(caught).replace(".stcn.new", "stcn")  # where the plugin's files are until all are there
            if not any(str(path) in error for path in whole) or not re.search("no space left|too large", error):
                facts.wordless.append(error)
        there = {path: masked(path) for path in whole if path.is_file()}
        facts.tries += 1
        facts.errors += error is not None
        if any(content not in (whole[path], BEFORE) for path, content in there.items()) or (
            not error and there != whole
        ):
            facts.broken.append(pages)
        if any(path not in there or (error and there[path] != BEFORE) for path in replaced):
            facts.lost.append(pages)
        if [path for path in folder.rglob("*") if path.is_file() and path not in whole]:
            facts.left.append(pages)
    return facts


def masked(path: Path) -> bytes:
    """Return the content of a file without the time of writing."""
    return TIME.sub(b"", path.read_bytes())


def fresh(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()


@contextmanager
def space_left(pages: int, disk: Path) -> Iterator[None]:
    """Fill the disk except for some pages."""
    ballast = disk / "ballast"
    ballast.write_bytes(bytes((os.statvfs(disk).f_bavail - pages) * PAGE))
    assert os.statvfs(disk).f_bavail == pages
    try:
        yield
    finally:
        ballast.unlink()


@contextmanager
def size_limit(pages: int) -> Iterator[None]:
    """Limit the size of files to some pages."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (pages * PAGE, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def main(mode: str, place: Path) -> dict[str, Facts]:
    kinds = PICTURES | OTHERS
    if mode.startswith("disk"):
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(place)], check=True)
    if mode == "disk-without-memory":
        tempfile.tempdir = str(place)
        del os.memfd_create
        kinds = PICTURES
    room = size_limit if mode == "limit" else partial(space_left, disk=place)
    return {kind: sweep(write, place / "out", room) for kind, write in kinds.items()}


if __name__ == "__main__":
    print(json.dumps({kind: asdict(facts) for kind, facts in main(sys.argv[1], Path(sys.argv[2])).items()}))
