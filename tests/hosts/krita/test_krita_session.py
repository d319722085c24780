"""A session in Krita itself: the pixels in its layers are those of the files, and of a run without Krita."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import pytest
from krita_shot import COUNT, FIRST, SIZE, disc, read_alpha

pytestmark = pytest.mark.slow
PAINTED = (2, 9)


@pytest.fixture(scope="module")
def session(krita, plates, tmp_path_factory):
    folder = tmp_path_factory.mktemp("session")
    masks = {}
    for frame in PAINTED:
        masks[str(frame)] = str(folder / f"mask.{frame}.png")
        grey = oiio.ImageBuf(np.rint(255 * disc(FIRST + frame)[..., np.newaxis]).astype(np.uint8))
        assert grey.write(masks[str(frame)])
    results = krita.run(
        "session", folder, plate=str(plates), masks=masks, out=str(folder / "mattes" / "sh010.####.exr")
    )
    return folder, results


def layer_pixels(folder: Path, tag: str, frame: int) -> np.ndarray:
    return np.fromfile(folder / f"{tag}.{frame}.raw", np.float16).reshape(*SIZE, 4).astype(np.float32)


def mattes_on_disk(pattern: str) -> list[np.ndarray]:
    return [read_alpha(pattern.replace("####", str(FIRST + frame))) for frame in range(COUNT)]


def test_plate_is_imported_as_it_is(session, plates):
    """Every frame at its place, with the values of the file."""
    folder, results = session
    assert results["plate"] == ["Plate", SIZE[1], SIZE[0], COUNT - 1]
    for frame in (0, 7):
        expected = oiio.ImageBuf(str(plates).replace(str(FIRST), str(FIRST + frame))).get_pixels(oiio.FLOAT)
        assert np.array_equal(layer_pixels(folder, "plate", frame)[..., :3], expected)


def test_layer_has_the_mattes_of_the_files(session):
    """At every frame and bit for bit, after the last job and after the document was saved and opened again."""
    folder, results = session
    assert results["matte"] == ["F16", "RGBA", "hero [é]"]
    for frame, matte in enumerate(mattes_on_disk(results["pattern"])):
        assert np.array_equal(layer_pixels(folder, "second", frame)[..., 3], matte), frame
        assert np.array_equal(layer_pixels(folder, "reopened", frame)[..., 3], matte), frame
        assert np.abs(layer_pixels(folder, "first", frame)[..., 3] - matte).max() < 1
    assert results["reopened"] == results["shown"] != ""


def test_mattes_are_those_of_a_run_without_krita(session, plates):
    """`stcn propagate` with the keyframes that Krita wrote gives the same pixels."""
    folder, results = session
    keyframes = [f"--keyframe={frame}={file}" for frame, file in results["keyframes"]]
    plate = str(plates).replace(str(FIRST), "####")
    command = [sys.executable, "-m", "stcn_plugin", "propagate", "--plate", plate, *keyframes]
    command += ["--out", str(folder / "plain" / "sh010.####.exr"), "--preset", "draft"]
    subprocess.run(command, check=True, capture_output=True)
    for frame, matte in enumerate(mattes_on_disk(results["pattern"])):
        plain = read_alpha(folder / "plain" / f"sh010.{FIRST + frame}.exr")
        assert np.array_equal(plain, matte), frame


def test_keyframes_are_what_was_painted(session):
    """Bit for bit in 16 bits, at the frames with keys; frames of the plate are those of the timeline plus its first number."""
    _, results = session
    assert results["objects"] == ["hero [é]: 2, 9"]
    assert [frame for frame, _ in results["keyframes"]] == [FIRST + frame for frame in PAINTED]
    for frame, file in results["keyframes"]:
        painted = np.rint(255 * disc(frame)) / 255
        assert np.abs(read_alpha(file) - painted).max() < 0.0003


def test_new_keyframe_starts_from_the_matte(session):
    """The pixels of a keyframe that was just added are those of the matte at this frame."""
    folder, _ = session
    copied = np.fromfile(folder / "copied.raw", np.float16).reshape(*SIZE, 4)
    assert np.array_equal(copied[..., 3].astype(np.float32), layer_pixels(folder, "first", 9)[..., 3])
    assert copied[..., 3].max() == 1


def test_artist_is_not_disturbed(session):
    """Frame and active layer stay; a job with nothing to do writes nothing; a cancelled job goes on."""
    _, results = session
    assert results["before"] == results["after"]
    assert results["written"] == []
    assert results["cancelled"] == "Cancelled"
