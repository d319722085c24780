"""`render_clips.py`: clips that training reads, reproducible by seed and number."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from stcn_plugin.evaluation.matte_file import object_names, read_objects
from stcn_plugin.training.pictures import PictureReader, Pixels, find_clips

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).parents[2] / "examples" / "training" / "render_clips.py"
SMALL = ("--size", "96x72", "--frames", "2", "--samples", "2", "--matte-samples", "16")
SEED, SEVERAL, ONE = 5, 1, 2
"""A seed, and the numbers of a clip with several objects and of a clip with one."""


def render(python: Path, out: Path, *arguments: str) -> list[str]:
    """Run the script, and return the printed lines."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    result = subprocess.run(
        [str(python), str(SCRIPT), str(out), "--seed", str(SEED), *SMALL, *arguments],
        capture_output=True,
        text=True,
        env=environment | {"BLENDER_USER_RESOURCES": str(out.parent)},
        timeout=600,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout.splitlines()


@pytest.fixture(scope="module")
def rendered(blender_python, tmp_path_factory) -> tuple[Path, list[str]]:
    """The folder of two clips, and the printed lines."""
    out = tmp_path_factory.mktemp("clips") / "out"
    return out, render(blender_python, out, "--first", "1", "--clips", "2")


def pictures(out: Path) -> dict[int, list[Pixels]]:
    """Read all clips of a folder with `PictureReader`, by number."""
    reader = PictureReader(short_side=72)
    return {
        int(clip.name.rpartition("_")[2]): [reader.read(picture) for picture in clip.pictures]
        for clip in find_clips(out)
    }


def test_training_reads_the_clips(rendered):
    """All frames have the given size and the same objects."""
    out, _ = rendered
    clips = pictures(out)
    assert sorted(clips) == [1, 2]
    for number, frames in clips.items():
        names = ["a", "b", "c"][: len(frames[0].masks)] if number == SEVERAL else ["matte"]
        assert [pixels.rgb.shape for pixels in frames] == [(72, 96, 3)] * 2
        assert [list(pixels.masks) for pixels in frames] == [names, names]
    assert len(clips[SEVERAL][0].masks) > 1


def test_masks_are_soft_and_show_the_objects(rendered):
    """Coverage of the first frame is within limits, edges are soft, and coverage sums to at most 1."""
    out, _ = rendered
    for clip in find_clips(out):
        path = clip.pictures[0].mask
        masks = read_objects(path, object_names(path).names)
        for mask in masks.values():
            assert mask.min() == 0
            assert 0.9 < mask.max() <= 1
            assert 0.015 < mask.mean() < 0.45
            assert ((mask > 0.1) & (mask < 0.9)).sum() > 20
        assert np.sum(list(masks.values()), 0).max() <= 1


def test_plates_are_well_lit_and_their_objects_move(rendered):
    """Plates have contrast, and frames and masks differ."""
    out, _ = rendered
    for first, second in pictures(out).values():
        assert 30 < np.median(first.rgb) < 190
        assert first.rgb.std() > 12
        assert np.abs(first.rgb.astype(int) - second.rgb).max() > 40
        assert any((first.masks[name] != second.masks[name]).any() for name in first.masks)


def test_a_clip_depends_only_on_seed_and_number(blender_python, rendered, tmp_path):
    """A clip rendered alone is identical to the one rendered after another."""
    out, _ = rendered
    render(blender_python, tmp_path / "again", "--first", str(ONE), "--clips", "1")
    (again,) = pictures(tmp_path / "again").values()
    for before, after in zip(pictures(out)[ONE], again, strict=True):
        np.testing.assert_array_equal(before.rgb, after.rgb)
        assert before.masks.keys() == after.masks.keys()
        for name, mask in before.masks.items():
            np.testing.assert_array_equal(mask, after.masks[name])


def test_existing_clips_are_skipped(blender_python, rendered):
    """A second run renders and prints only missing clips, and leaves no temporary folder."""
    out, printed = rendered
    names = [f"clip_{SEED}_00001", f"clip_{SEED}_00002"]
    assert [line.split()[0] for line in printed] == names
    kept = {path: path.stat().st_mtime_ns for path in (out / names[0]).rglob("*.*")}
    shutil.rmtree(out / names[1])
    again = render(blender_python, out, "--first", "1", "--clips", "2")
    assert [line.split()[0] for line in again] == names[1:]
    assert {path: path.stat().st_mtime_ns for path in (out / names[0]).rglob("*.*")} == kept
    assert sorted(path.name for path in out.iterdir()) == names
