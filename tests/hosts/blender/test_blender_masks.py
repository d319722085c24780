"""Keyframes from masks: Blender renders the outlines as drawn, and their keys are found."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import pytest
from blender_shot import read_channels
from drifting_disc import write_exr
from PIL import Image, ImageDraw
from scipy.ndimage import maximum_filter

pytestmark = pytest.mark.slow

FINER = 16

LAYERS = {
    "hero": [(0.25, 0.2), (0.6, 0.3), (0.55, 0.8), (0.3, 0.7)],
    "koi": [(0.55, 0.1), (0.8, 0.15), (0.95, 0.5), (0.8, 0.85), (0.6, 0.9), (0.45, 0.45)],
}
KEYS = [(4, 0.0), (12, 0.2), (20, 0.2), (31, -0.1)]
BETWEEN = 8
RESTING = [7, 30, 41]  # the last is after the range
ALPHAS = [(10, 1.0), (15, 0.0), (25, 0.0), (30, 1.0)]


@pytest.fixture(scope="module")
def drawn(blender, tmp_path_factory):
    folder = tmp_path_factory.mktemp("masks")
    sizes = [(160, 96), (96, 160), (128, 128)]
    return blender.run(
        "masks", folder, sizes=sizes, layers=LAYERS, keys=KEYS, between=BETWEEN, resting=RESTING, alphas=ALPHAS
    )


def coverage(points, width, height):
    """Coverage of every pixel by a polygon, computed by Pillow at sixteen times the resolution."""
    picture = Image.new("L", (width * FINER, height * FINER))
    ImageDraw.Draw(picture).polygon([(x * FINER, y * FINER) for x, y in points], fill=1)
    return np.asarray(picture, np.float32).reshape(height, FINER, width, FINER).mean((1, 3))


def check(file, points, width, height):
    """The rendered mask has the outline's coverage, grown by the pixel over which Blender softens edges."""
    channels = read_channels(file)
    assert np.array_equal(channels["R"], channels["G"])
    drawn, truth = channels["R"], coverage(points, width, height)
    assert drawn.shape == (height, width)
    below, above = (drawn - truth).min(), (drawn - maximum_filter(truth, 3)).max()
    rows, columns = np.mgrid[:height, :width]
    apart = [np.average(axis, weights=drawn) - np.average(axis, weights=truth) for axis in (columns, rows)]
    print(f"{Path(file).name}: {below:.3f} below, {above:.3f} above the grown outline, centre {np.round(apart, 3)} off")
    assert below > -0.3
    assert above < 0.1
    assert np.abs(apart).max() < 0.1


def test_every_layer_is_rendered_alone(drawn):
    """Landscape, portrait and square: each file is the coverage of its layer's polygon."""
    assert len(drawn["drawn"]) == 6
    for layer, frame, file, width, height in drawn["drawn"]:
        assert Path(file).name == f"{width}x{height}.{layer}.{frame}.exr"
        points = [(x * width, y * height) for x, y in LAYERS[layer]]
        check(file, points, width, height)


def test_a_masks_own_keys_are_found(drawn):
    """All shape keys in the range, also if the shape is the same, and where a layer vanishes and appears; no other frame."""
    assert drawn["keys"] == {
        "runner": [frame for frame, _ in KEYS],
        "resting": [7, 30],
        "bare": [],
        "leaving": [15, 26],
    }


def test_between_two_keys_the_shape_is_interpolated(drawn):
    """A frame halfway between two keys is rendered halfway."""
    points = [((x + 0.1 - 0.5) * 160 + 80, (y - 0.5) * 160 + 48) for x, y in LAYERS["hero"]]
    check(drawn["between"], points, 160, 96)


def test_no_temporary_data_is_left_in_the_file(drawn):
    """Temporary scenes, masks and node groups are removed."""
    assert drawn["counts"] == [1, 4, 0]


@pytest.mark.parametrize(("data", "size"), [((-10, -6), (180, 108)), ((20, 10), (120, 70))], ids=["overscan", "inset"])
def test_a_mask_over_a_data_window_has_the_plates_windows(blender, tmp_path, data, size):
    """Blender shows only the data window; keyframe and mattes have the position of the plate's pixels."""
    rng = np.random.default_rng(3)
    plate = tmp_path / "plate.1001.exr"
    write_exr(plate, rng.random((size[1], size[0], 3)).astype(np.float32), data, (0, 0, 160, 96))
    outline = [(30, 20), (90, 25), (80, 60), (40, 55)]
    results = blender.run("overscan", tmp_path, plate=str(plate), outline=outline)
    assert results["size"] == list(size)
    for path, channel in [("keyframes/hero.hero.1001.exr", "R"), ("hero.1001.exr", "hero.A")]:
        source = oiio.ImageInput.open(str(tmp_path / "mattes" / path))
        spec = source.spec()
        source.close()
        assert (spec.x, spec.y, spec.width, spec.height) == (*data, *size), path
        assert (spec.full_x, spec.full_y, spec.full_width, spec.full_height) == (0, 0, 160, 96), path
        apart = read_channels(tmp_path / "mattes" / path)[channel] - coverage(outline, *size)
        assert np.abs(apart).mean() < 0.03, path
