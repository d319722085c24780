"""The example shot, file by file: what the README promises of it."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import pytest
import yaml

SHOT = Path(__file__).parents[2] / "examples" / "shot"
FRAMES = range(1001, 1041)
OBJECTS = ("hare", "koi")
PLATES = SHOT / "plates"
TRUTH = SHOT / "truth"
KEYFRAME = SHOT / "keyframes" / "keyframe.1001.exr"
BYTES = 8_000_000
"""What a clone of the project may carry for its example."""


def plate_path(frame: int) -> Path:
    return PLATES / f"two_objects.{frame}.exr"


def truth_path(frame: int) -> Path:
    return TRUTH / f"truth.{frame}.exr"


@cache
def pixels(path: Path) -> dict[str, np.ndarray]:
    """Channels by name; their order in a file is the file's own business."""
    image = oiio.ImageBuf(str(path))
    values = image.get_pixels(oiio.FLOAT)
    assert not image.has_error, image.geterror()
    return {name: values[..., index] for index, name in enumerate(image.spec().channelnames)}


def header(path: Path) -> oiio.ImageSpec:
    source = oiio.ImageInput.open(str(path))
    assert source, oiio.geterror()
    return source.spec()


def test_every_frame_has_a_plate_and_a_truth() -> None:
    """40 plates, 40 mattes, one keyframe, and no other file."""
    assert sorted(PLATES.iterdir()) == [plate_path(frame) for frame in FRAMES]
    assert sorted(TRUTH.iterdir()) == [truth_path(frame) for frame in FRAMES]
    assert list(KEYFRAME.parent.iterdir()) == [KEYFRAME]


def test_the_shot_is_small() -> None:
    """Small enough for a clone of the repository."""
    assert (
        sum(path.stat().st_size for path in SHOT.rglob("*.exr") if "out" not in path.relative_to(SHOT).parts) <= BYTES
    )


@pytest.mark.parametrize("frame", FRAMES)
def test_a_plate_is_half_float_and_linear_with_timecode(frame: int) -> None:
    """Every plate has the format, colour, rate and timecode of its frame in the header."""
    spec = header(plate_path(frame))
    assert (spec.width, spec.height, spec.format) == (960, 540, oiio.HALF)
    assert tuple(spec.channelnames) == ("R", "G", "B")
    rec709 = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3127, 0.3290)
    assert spec.getattribute("chromaticities") == pytest.approx(rec709)
    assert tuple(spec.getattribute("framesPerSecond")) == (24, 1)
    assert spec.get_string_attribute("smpte:TimeCode") == f"00:00:{frame // 24:02d}:{frame % 24:02d}"


@pytest.mark.parametrize(
    "path", [plate_path(1001), plate_path(1040), truth_path(1020), KEYFRAME], ids=lambda path: path.name
)
def test_headers_have_no_private_metadata(path: Path) -> None:
    """No host, path or date."""
    known = {
        "chromaticities", "compression", "Copyright", "framesPerSecond", "PixelAspectRatio", "screenWindowCenter",
        "screenWindowWidth", "smpte:TimeCode",
    }  # fmt: skip
    names = {attribute.name for attribute in header(path).extra_attribs}
    assert {name for name in names if not name.startswith(("oiio:", "openexr:"))} == known - (
        set() if "plates" in path.parts else {"chromaticities"}
    )


def test_the_plate_is_scene_linear_with_highlights_and_without_bad_pixels() -> None:
    """Speculars and lamps are above 1, most of the room is well below; no NaN, no negatives but DWA's rounding."""
    for frame in (1001, 1021, 1040):
        picture = np.stack([pixels(plate_path(frame))[name] for name in "RGB"], -1)
        assert np.isfinite(picture).all()
        assert picture.min() > -0.001
        assert picture.max() > 2
        assert 0.02 < np.median(picture) < 0.5


@pytest.mark.parametrize("frame", FRAMES)
def test_a_truth_is_coverage(frame: int) -> None:
    """Mattes are in [0, 1], exactly 0 and 1 away from edges, soft at edges, and never add up to more than 1."""
    spec = header(truth_path(frame))
    assert (spec.width, spec.height, spec.format) == (960, 540, oiio.HALF)
    channels = pixels(truth_path(frame))
    assert set(channels) == {*"RGBA", *(f"{name}.A" for name in OBJECTS)}
    mattes = [channels[f"{name}.A"] for name in OBJECTS]
    total = sum(mattes)
    assert total.max() <= 1
    for channel in "RGBA":
        np.testing.assert_array_equal(channels[channel], total)
    for matte in mattes:
        assert matte.min() == 0
        assert matte.max() == 1
        assert np.mean(matte == 0) > 0.8
        assert np.sum(matte == 1) > 4000
        assert np.sum((matte > 0.1) & (matte < 0.9)) > 500


def test_the_keyframe_is_the_truth_of_its_frame() -> None:
    """The keyframe's pixels are the first truth's, and in it the objects do not touch."""
    keyframe, truth = pixels(KEYFRAME), pixels(truth_path(1001))
    assert keyframe.keys() == truth.keys()
    for name, values in keyframe.items():
        np.testing.assert_array_equal(values, truth[name])
    columns = [np.flatnonzero(keyframe[f"{name}.A"].any(0)) for name in OBJECTS]
    assert columns[0].max() + 50 < columns[1].min()
    assert columns[0].min() > 0
    assert columns[1].max() < 959


def test_the_koi_passes_in_front_of_the_hare() -> None:
    """First it is right of the hare, then left; in between, it hides much of it."""
    x = np.arange(960)

    def centre(frame: int, name: str) -> float:
        columns = pixels(truth_path(frame))[f"{name}.A"].sum(0)
        return float((columns * x).sum() / columns.sum())

    assert centre(1001, "koi") > centre(1001, "hare") + 300
    assert centre(1040, "koi") < centre(1040, "hare") - 200
    area = {frame: pixels(truth_path(frame))["hare.A"].sum() for frame in (1001, 1021, 1040)}
    assert area[1021] < 0.8 * area[1001]
    assert area[1021] < 0.6 * area[1040]


@pytest.mark.parametrize("frame", [1001, 1016, 1022, 1030])
def test_the_truth_matches_the_plate(frame: int) -> None:
    """Mattes and plates have the same camera and time: their edges coincide."""
    luma = np.log(sum(pixels(plate_path(frame))[name] for name in "RGB") + 0.02)
    for name in OBJECTS:
        matte = pixels(truth_path(frame))[f"{name}.A"]

        def agreement(dx: int, dy: int, matte: np.ndarray = matte) -> float:
            moved = np.roll(matte, (dy, dx), (0, 1))
            edge_y, edge_x = np.gradient(moved)
            slope_y, slope_x = np.gradient(luma)
            return float(np.abs(edge_x * slope_x + edge_y * slope_y).sum())

        here = agreement(0, 0)
        assert all(here > agreement(dx, dy) for dx, dy in [(6, 0), (-6, 0), (0, 6), (0, -6)])


def test_the_paths_of_the_shot_file_exist() -> None:
    """Relative to the folder of the file."""
    shot = yaml.safe_load((SHOT / "shot.yaml").read_text())
    assert shot["range"] == "1001-1040"
    assert SHOT / re.sub("#+", "1001", shot["plate"]) == plate_path(1001)
    assert {frame: SHOT / file for frame, file in shot["keyframes"].items()} == {1001: KEYFRAME}
    assert (SHOT / ".gitignore").read_text().split() == [f"{Path(shot['out']).parts[0]}/"]
