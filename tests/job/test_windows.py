"""Jobs whose network looks at windows: a small object in a plate that is larger than the internal size."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import pytest
from clip_files import state
from PIL import Image
from propagation.drawn_frames import SHAPE, Disc, DrawnFrame, mask_of
from scipy.ndimage import gaussian_filter

from stcn_plugin import load_preset, make_shot
from stcn_plugin.bridge.build import BuildOptions
from stcn_plugin.job.build import build
from stcn_plugin.job.prepare import prepare
from stcn_plugin.matte.refinement import Refiner
from stcn_plugin.media.images import read_image
from stcn_plugin.window import Window

FRAMES = range(1001, 1006)
SETTINGS = ("size=240", "compute.precision=float32", "matte.edges=off", "matte.stabilise=off")
DISCS = {frame: Disc(300 + 14 * (frame - 1001), 260) for frame in FRAMES}


def write_plate(path: Path, disc: Disc, *, data: Window | None = None, aspect: float = 1.0) -> None:
    """Write a frame as EXR; ``data`` is the part that the file has, in a format of ``SHAPE``."""
    data = data or Window(0, 0, SHAPE[1], SHAPE[0])
    picture = DrawnFrame({"a": disc}).picture().permute(1, 2, 0).numpy()
    margin = 200
    outer = np.pad(picture, ((margin, margin), (margin, margin), (0, 0)), mode="edge")
    part = outer[data.slices_in(Window(-margin, -margin, outer.shape[1], outer.shape[0]))]
    spec = oiio.ImageSpec(data.width, data.height, 3, "half")
    spec.x, spec.y, spec.full_width, spec.full_height = data.x, data.y, SHAPE[1], SHAPE[0]
    spec.attribute("PixelAspectRatio", aspect)
    output = oiio.ImageOutput.create("x.exr")
    assert output.open(str(path), spec)
    assert output.write_image(np.ascontiguousarray(part))
    assert output.close()


@pytest.fixture(scope="module")
def plates(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("window_plates")
    for frame, disc in DISCS.items():
        write_plate(folder / f"p.{frame}.exr", disc)
    return folder


@pytest.fixture
def shot(plates, tmp_path, engine):
    """Build the shot; the arguments change it."""
    for path in plates.iterdir():
        shutil.copy(path, tmp_path / path.name)

    def run(out: str, *settings: str, keys: tuple[int, ...] = (1001,), **options: object):
        keyframes = {}
        for frame in keys:
            path = tmp_path / f"key.{frame}.png"
            Image.fromarray(np.uint8(np.round(255 * mask_of(DISCS[frame])))).save(path)
            keyframes[frame] = {"file": str(path), "objects": {"disc": "Y"}}
        given = make_shot(
            plate=str(tmp_path / "p.####.exr"),
            out=str(tmp_path / out / "m.####.exr"),
            keyframes=keyframes,
            overrides=["colour.input=srgb_display", *SETTINGS, *settings],
        )
        return build(prepare(given), lambda _: engine, options=BuildOptions(**options))

    run.engine = engine
    return run


def contents(folder: Path) -> dict[str, bytes]:
    """Return the files of a folder."""
    return {name: content for name, (content, _, _) in state(folder).items()}


def matte_of(folder: Path, frame: int) -> np.ndarray:
    return read_image(folder / f"m.{frame}.exr").channel("disc.A")


def test_edges_are_refined_from_the_cache(shot, tmp_path):
    """The network of the edges runs without a pass, gives the same files as a whole run, and reports what it changed."""
    shot("again")
    off = {frame: matte_of(tmp_path / "again", frame) for frame in FRAMES}
    report = shot("again", "matte.edges=network")
    assert all(not segment.propagated for segment in report.plan.segments)
    shot("whole", "matte.edges=network")
    for frame in FRAMES:
        assert (tmp_path / "again" / f"m.{frame}.exr").read_bytes() == (
            tmp_path / "whole" / f"m.{frame}.exr"
        ).read_bytes()
    [edges] = report.edges
    assert (edges.name, edges.frames) == ("disc", 4)
    assert 0 < edges.band < 0.2
    assert 0 < edges.change < 0.5
    refined = matte_of(tmp_path / "again", 1003)
    assert (refined != off[1003]).any()
    truth = mask_of(DISCS[1003])
    assert np.square(refined - truth).mean() < 1.02 * np.square(off[1003] - truth).mean()
    np.testing.assert_array_equal(matte_of(tmp_path / "again", 1001), off[1001])


def test_the_nearest_keyframe_tells_how_soft_an_object_is(shot, tmp_path, monkeypatch):
    """The width of its edge goes to the refinement: 1 for a hard keyframe, several pixels for a soft one."""
    widths = []
    refine = Refiner.refine

    def noted(self, probabilities, plate, objects):
        widths.append(objects[0].width)
        return refine(self, probabilities, plate, objects)

    monkeypatch.setattr(Refiner, "refine", noted)
    hard = Image.fromarray(np.uint8(mask_of(DISCS[1001]) > 0.5) * 255)
    soft = gaussian_filter(np.float32(mask_of(DISCS[1005])), 3.0)
    hard.save(tmp_path / "hard.png")
    Image.fromarray(np.uint8(np.round(255 * soft))).save(tmp_path / "soft.png")
    given = make_shot(
        plate=str(tmp_path / "p.####.exr"),
        out=str(tmp_path / "out" / "m.####.exr"),
        keyframes={
            frame: {"file": str(tmp_path / f"{name}.png"), "objects": {"disc": "Y"}}
            for frame, name in ((1001, "hard"), (1005, "soft"))
        },
        overrides=["colour.input=srgb_display", "size=240", "compute.precision=float32"],
    )
    assert load_preset("default").matte.edges == "network"
    build(prepare(given), lambda _: shot.engine, options=BuildOptions())
    by_frame = dict(zip((1002, 1003, 1004), widths, strict=True))
    assert by_frame[1002] == by_frame[1003] == 1.0
    assert by_frame[1004] == pytest.approx(6 * 3 / np.sqrt(np.pi), rel=0.15)


def error(folder: Path, frame: int) -> float:
    """Return the mean squared error of a matte in a band of 12 pixels around the edge of the disc."""
    matte = read_image(folder / f"m.{frame}.exr").channel("disc.A")
    disc = DISCS[frame]
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]] + 0.5
    band = np.abs(np.hypot(x - disc.x, y - disc.y) - disc.radius) < 12
    return float(((matte - mask_of(disc)) ** 2)[band].mean())


def looks(folder: Path, frame: int) -> list[tuple[int, ...]]:
    """Return the windows in the cache for a frame."""
    path = str(folder / "m.exr.stcn-cache" / f"forward.{frame}.exr")
    count = oiio.ImageBuf(path).nsubimages
    found = [oiio.ImageBuf(path, number, 0).spec().get_string_attribute("stcn/window") for number in range(count)]
    return [tuple(map(int, each.split())) for each in found]


@pytest.mark.slow
def test_edges_are_better_in_a_window(shot, tmp_path):
    """At every frame, with less than half of the error on average."""
    shot("object")
    shot("frame", "window=frame")
    errors = {name: [error(tmp_path / name, frame) for frame in FRAMES[1:]] for name in ("object", "frame")}
    for close, plain in zip(errors["object"], errors["frame"], strict=True):
        assert close < plain
    assert np.mean(errors["object"]) < 0.5 * np.mean(errors["frame"])
    for frame in FRAMES[1:]:
        matte = read_image(tmp_path / "object" / f"m.{frame}.exr").channel("disc.A")
        y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
        # Outside of the window, the matte is that of the coarse view, which may be faint beside the object.
        assert matte[np.hypot(x - DISCS[frame].x, y - DISCS[frame].y) > 80].max() < 0.1
        assert not matte[:, 600:].any()
        whole, close = looks(tmp_path / "object", frame)
        assert whole == (0, 0, 960, 540) and close[2:] == (192, 192)
        assert looks(tmp_path / "frame", frame) == [whole]


@pytest.mark.slow
def test_a_resumed_pass_has_the_same_files(shot, tmp_path, monkeypatch):
    """From the saved state of the windows, two frames earlier."""
    monkeypatch.setattr("stcn_plugin.job.run.STATE_INTERVAL", 2)
    shot("out", "memory.interval=2")
    whole = contents(tmp_path / "out")
    (tmp_path / "out" / "m.exr.stcn-cache" / "forward.1005.exr").unlink()
    (tmp_path / "out" / "m.1005.exr").unlink()
    report = shot("out", "memory.interval=2")
    assert report.frames == (1005,)
    assert contents(tmp_path / "out") == whole


@pytest.mark.slow
def test_segments_and_a_job_without_cache_have_the_same_files(shot, tmp_path):
    """Both directions have windows; finishing again needs no network."""
    shot("out", keys=(1001, 1003, 1005))
    whole = contents(tmp_path / "out")
    for number in (2, 1):
        shot("parts", keys=(1001, 1003, 1005), segments=(number,))
    assert contents(tmp_path / "parts") == whole
    shot("plain", "cache=off", keys=(1001, 1003, 1005))
    assert contents(tmp_path / "plain") == whole
    changed = shot("out", "matte.black=0.3", keys=(1001, 1003, 1005))
    assert (len(changed.frames), changed.device) == (5, "none")
    shot("fresh", "matte.black=0.3", keys=(1001, 1003, 1005))
    assert contents(tmp_path / "fresh") == contents(tmp_path / "out")


@pytest.mark.slow
def test_a_dry_run_measures_windows(shot, tmp_path):
    """It writes nothing, and expects a cache of about the size that there is then."""
    report = shot("out", is_dry_run=True)
    assert not contents(tmp_path / "out")
    assert report.estimate.seconds > 0
    shot("out")
    size = sum(path.stat().st_size for path in (tmp_path / "out" / "m.exr.stcn-cache").glob("*.exr"))
    assert report.estimate.cache_bytes == pytest.approx(size, rel=0.6)


@pytest.mark.slow
def test_verify_notices_a_change_of_fine_detail(shot, tmp_path):
    """One that the internal size averages away, in a file of the same size and time."""

    def rewrite(contrast: float) -> None:
        path = tmp_path / "p.1004.exr"
        status = path.stat()
        image = oiio.ImageBuf(str(path))
        pixels = image.get_pixels(oiio.FLOAT)
        pixels[100:104, 100:104] = 0.5
        pixels[100:104:2, 100:104:2] += contrast
        pixels[101:104:2, 101:104:2] -= contrast
        output = oiio.ImageOutput.create("x.exr")
        spec = image.spec().copy()
        spec.attribute("compression", "none")  # the size does not depend on the content
        path.unlink()
        assert output.open(str(path), spec) and output.write_image(pixels) and output.close()
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))

    rewrite(0.0)
    size = (tmp_path / "p.1004.exr").stat().st_size
    shot("out")
    rewrite(0.25)
    assert (tmp_path / "p.1004.exr").stat().st_size == size
    assert shot("out", verify=False).frames == ()
    assert 1004 in shot("out", verify=True).frames
    assert shot("out", verify=True).frames == ()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("data", "found"),
    [
        (Window(-40, -20, 1040, 590), Window(-40, -20, 1040, 590)),
        (Window(100, 60, 700, 420), Window(100, 60, 700, 420)),
    ],
    ids=["overscan", "inset"],
)
def test_data_windows(shot, tmp_path, data, found):
    """Larger or smaller than the format: the object is at the same place of the format."""
    for frame, disc in DISCS.items():
        write_plate(tmp_path / f"p.{frame}.exr", disc, data=data)
    shot("out")
    for frame in FRAMES[1:]:
        image = read_image(tmp_path / "out" / f"m.{frame}.exr")
        assert image.header.data.union(found) == image.header.data
        assert image.header.display == Window(0, 0, 960, 540)
        matte = image.channel("disc.A")
        y, x = np.mgrid[: matte.shape[0], : matte.shape[1]] + 0.5
        disc = DISCS[frame]
        inside = np.hypot(x + image.header.data.x - disc.x, y + image.header.data.y - disc.y)
        assert (matte[inside < disc.radius - 4] > 0.5).all()
        assert not (matte[inside > disc.radius + 12] > 0.1).any()


@pytest.mark.slow
def test_anamorphic_plates(shot, tmp_path):
    """The object is found where it is in the stored pixels; its window has half as many columns for each element."""
    for frame, disc in DISCS.items():
        write_plate(tmp_path / f"p.{frame}.exr", disc, aspect=2.0)
    shot("out")
    for frame in FRAMES[1:]:
        matte = read_image(tmp_path / "out" / f"m.{frame}.exr").channel("disc.A") > 0.5
        truth = mask_of(DISCS[frame]) > 0.5
        assert (matte & truth).sum() / (matte | truth).sum() > 0.9
        whole, close = looks(tmp_path / "out", frame)
        assert whole == (0, 0, 960, 540)
        assert close[2] * 2 == pytest.approx(close[3], rel=1)
