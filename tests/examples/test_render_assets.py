"""`render_assets.py`: animated models with masks; only files with a licence are used."""

from __future__ import annotations

import csv
import os
import subprocess
from itertools import pairwise
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import pytest

from stcn_plugin.training.elements import ElementReader, find_elements
from stcn_plugin.training.pictures import PictureReader, find_clips

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).parents[2] / "examples" / "training" / "render_assets.py"
CHEAP = ("--seed", "3", "--samples", "2", "--matte-samples", "16")

MODELLING = """
import sys
import bpy

bpy.ops.wm.read_factory_settings(use_empty=True)
bpy.ops.mesh.primitive_cube_add(size=2)
body = bpy.context.object
body.scale = (0.3, 0.3, 1.0)
bpy.ops.object.transform_apply(scale=True)
bpy.ops.object.mode_set(mode="EDIT")
bpy.ops.mesh.subdivide(number_cuts=6)
bpy.ops.object.mode_set(mode="OBJECT")
bpy.ops.object.armature_add(location=(0, 0, -1))
rig = bpy.context.object
bpy.ops.object.mode_set(mode="EDIT")
lower = rig.data.edit_bones[0]
lower.tail = (0, 0, 1)
upper = rig.data.edit_bones.new("upper")
upper.head, upper.tail, upper.parent = (0, 0, 1), (0, 0, 2), lower
bpy.ops.object.mode_set(mode="OBJECT")
body.select_set(True)
bpy.context.view_layer.objects.active = rig
bpy.ops.object.parent_set(type="ARMATURE_AUTO")
if sys.argv[2] == "acts":
    bone = rig.pose.bones["upper"]
    bone.rotation_mode = "XYZ"
    for frame, angle in ((1, -1.2), (7, 1.2), (13, -1.2)):
        bone.rotation_euler = (angle, 0, 0)
        bone.keyframe_insert("rotation_euler", frame=frame)
bpy.ops.export_scene.gltf(filepath=sys.argv[1])
"""


def run(python: Path, *arguments: str, home: Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return subprocess.run(
        [str(python), *arguments],
        capture_output=True,
        text=True,
        env=environment | {"BLENDER_USER_RESOURCES": str(home)},
        timeout=600,
    )


@pytest.fixture(scope="module")
def assets(blender_python, tmp_path_factory) -> Path:
    """A folder with a rigged model with an action, one without, an HDRI, and their licences."""
    folder = tmp_path_factory.mktemp("assets")
    for name in ("acts", "stiff"):
        (folder / name).mkdir()
        made = run(blender_python, "-c", MODELLING, str(folder / name / f"{name}.glb"), name, home=folder)
        assert made.returncode == 0, made.stderr
    sky = oiio.ImageBuf(oiio.ImageSpec(64, 32, 3, oiio.FLOAT))
    oiio.ImageBufAlgo.fill(sky, (0.9, 0.9, 1.0), (0.9, 0.9, 1.0), (0.2, 0.15, 0.1), (0.2, 0.15, 0.1))
    (folder / "skies").mkdir()
    assert sky.write(str(folder / "skies" / "dusk.hdr"))
    rows = [("acts", "CC0-1.0", "a friend"), ("stiff", "MIT", "another"), ("skies", "CC0-1.0", "a third")]
    write_list(folder / "licences.csv", rows)
    return folder


def write_list(file: Path, rows: list[tuple[str, str, str]]) -> Path:
    with file.open("w", newline="", encoding="utf-8") as lines:
        csv.writer(lines).writerows([("folder", "licence", "source"), *rows])
    return file


def render(python: Path, out: Path, licences: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run(python, str(SCRIPT), str(out), "--licences", str(licences), *CHEAP, *arguments, home=out.parent)


def test_training_reads_clips_whose_objects_move(blender_python, assets, tmp_path):
    """Masks change over the frames; licences and sources are written next to the clips."""
    out = tmp_path / "out"
    done = render(blender_python, out, assets / "licences.csv", "--clips", "1", "--size", "96x72", "--frames", "3")
    assert done.returncode == 0, done.stdout + done.stderr
    (clip,) = find_clips(out)
    reader = PictureReader(short_side=72)
    frames = [reader.read(picture) for picture in clip.pictures]
    assert [pixels.rgb.shape for pixels in frames] == [(72, 96, 3)] * 3
    assert frames[0].rgb.std() > 12
    for name, mask in frames[0].masks.items():
        assert 0.015 < mask.mean() / 255 < 0.45
        assert any((pixels.masks[name] != mask).any() for pixels in frames[1:])
    with (out / "licences.csv").open(newline="", encoding="utf-8") as lines:
        assert list(csv.reader(lines)) == [
            ["licence", "source"], ["CC0-1.0", "a friend"], ["CC0-1.0", "a third"], ["MIT", "another"],
        ]  # fmt: skip


@pytest.mark.parametrize("name", ["acts", "stiff"])
def test_a_cut_out_is_animated(blender_python, assets, tmp_path, name):
    """By its action or by its bones; the surroundings are transparent."""
    licences = write_list(assets / f"{name}.csv", [(name, "CC0-1.0", "a friend"), ("skies", "CC0-1.0", "a third")])
    out = tmp_path / "things"
    done = render(blender_python, out, licences, "--cut-outs", "--clips", "1", "--size", "96x96", "--frames", "4")
    assert done.returncode == 0, done.stdout + done.stderr
    (frames,) = find_elements(out)
    assert [path.name for path in frames] == ["0001.png", "0002.png", "0003.png", "0004.png"]
    rgba = ElementReader().read(frames)
    assert rgba is not None
    alpha = rgba[:, 3].numpy()
    assert alpha.max() > 0.99
    assert 0.05 < alpha.mean() < 0.9
    assert all(np.abs(after - before).max() > 0.3 for before, after in pairwise(alpha))
    whole = oiio.ImageBuf(str(frames[0])).get_pixels(oiio.FLOAT)
    assert not whole[0, :, 3].any()
    assert not whole[:, 0, 3].any()


@pytest.mark.parametrize(
    ("rows", "what"),
    [
        ([("acts", "", "a friend")], "line 2: no licence"),
        ([("acts", "CC0-1.0", "a friend"), ("nowhere", "CC0-1.0", "nobody")], "line 3: there is no"),
        ([("skies", "CC0-1.0", "a third")], "hold no models"),
    ],
    ids=["no licence", "no folder", "no models"],
)
def test_nothing_is_rendered_without_a_licence(blender_python, assets, tmp_path, rows, what):
    """An incomplete list is an error before anything is rendered; the message names the line."""
    done = render(blender_python, tmp_path / "out", write_list(assets / "gaps.csv", rows))
    assert done.returncode != 0
    assert what in done.stderr
    assert not (tmp_path / "out").exists()
