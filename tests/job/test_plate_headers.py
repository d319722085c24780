"""Mattes inherit the headers of the plate, also in a run that reads no pixels or only compares them."""

from __future__ import annotations

import numpy as np
import OpenImageIO as oiio
import pytest
from PIL import Image

from stcn_plugin import make_shot
from stcn_plugin.bridge.build import BuildOptions
from stcn_plugin.job.build import build
from stcn_plugin.job.prepare import prepare


@pytest.fixture
def shot(tmp_path, clip, engine):
    """Run an EXR plate of the frames 1001, 1002 and 1004, which ``write_plate`` writes with a timecode."""

    def write_plate(frame: int, timecode: int) -> None:
        pixels = np.array(Image.open(clip.folder / f"plate.{frame}.png"), np.float32) / 255
        spec = oiio.ImageSpec(pixels.shape[1], pixels.shape[0], 3, "half")
        spec.attribute("smpte:TimeCode", oiio.TypeTimeCode, (timecode, 0))
        output = oiio.ImageOutput.create("x.exr")
        assert output.open(str(tmp_path / f"p.{frame}.exr"), spec)
        assert output.write_image(pixels)
        output.close()

    def run(out: str, *settings: str, **options: bool):
        given = make_shot(
            plate=str(tmp_path / "p.####.exr"),
            out=str(tmp_path / out / "m.####.exr"),
            keyframes={1001: clip.keyframe(1001, 0)},
            overrides=["size=64", "read.missing=hold", *settings],
        )
        return build(prepare(given), lambda _: engine, options=BuildOptions(**options))

    for number, frame in enumerate((1001, 1002, 1004), 1):
        write_plate(frame, number)
    return write_plate, run


def timecode(path) -> object:
    source = oiio.ImageInput.open(str(path))
    found = source.spec().getattribute("smpte:TimeCode")
    source.close()
    return found


def test_a_held_frame_has_no_timecode_when_it_is_only_finished(shot, tmp_path):
    """The timecode is that of the frame that is held, and may occur only once."""
    _, run = shot
    run("out")
    assert list(run("out", "output.compression=zip").frames) == [1001, 1002, 1003, 1004]
    assert timecode(tmp_path / "out" / "m.1002.exr") == (2, 0)
    assert timecode(tmp_path / "out" / "m.1003.exr") is None
    run("fresh", "output.compression=zip")
    for frame in range(1001, 1005):
        name = f"m.{frame}.exr"
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "fresh" / name).read_bytes(), frame


def test_verify_notices_a_changed_header(shot, tmp_path):
    """Pixels are equal, but the timecode that the matte inherits is not."""
    write_plate, run = shot
    run("out")
    write_plate(1002, 2)
    assert run("out", verify=True).frames == ()
    write_plate(1002, 9)
    run("out", verify=True)
    assert timecode(tmp_path / "out" / "m.1002.exr") == (9, 0)
