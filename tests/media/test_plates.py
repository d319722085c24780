from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from picture_files import noise, spec_of, write, write_parts
from PIL import Image as Pillow
from tiff_bytes import WHITE_IS_ZERO, write_tiff

from stcn_plugin.errors import MissingFrameError, PlateError
from stcn_plugin.media.colour import ColourTransform
from stcn_plugin.media.oiio_plates import OpenImageIOPlates
from stcn_plugin.media.plates import PlateReader
from stcn_plugin.media.sequences import FrameSequence
from stcn_plugin.media.window import Window


@pytest.fixture
def reader(tmp_path, monkeypatch):
    """Build a reader of the plate p.####.<suffix>, by default without colour conversion."""
    monkeypatch.delenv("OCIO", raising=False)

    def build(suffix="exr", space="sRGB", highlights="compress", part=None, layer=None, **more):
        sequence = FrameSequence.parse(tmp_path / f"p.####.{suffix}")
        colour = ColourTransform(input=space, highlights=highlights)
        return PlateReader(sequence, files=OpenImageIOPlates(part, layer), colour=colour, **more)

    return build


def whole(pixels):
    return {"window": Window(0, 0, pixels.shape[1], pixels.shape[0]), "size": pixels.shape[:2]}


@pytest.mark.parametrize("tile", [0, 16])
@pytest.mark.parametrize("depth", ["half", "float"])
def test_exr_at_its_own_size_is_exact(tmp_path, reader, depth, tile):
    """At the same size no pixel is resampled."""
    truth = noise(33, 47, 4)
    write(tmp_path / "p.0001.exr", truth, depth, "RGBA", tile=tile)
    plate = reader().read(1)
    image = plate.image(**whole(truth))
    np.testing.assert_array_equal(image, truth[..., :3])
    assert image.dtype == np.float32
    assert (plate.frame, plate.held_from) == (1, None)
    assert plate.header == reader().header(1)


@pytest.mark.parametrize(
    ("suffix", "depth", "top"),
    [("png", "uint8", 255), ("png", "uint16", 65535), ("tif", "uint16", 65535), ("dpx", "uint8", 255)],
)
def test_integer_plates_are_exact(tmp_path, reader, suffix, depth, top):
    """Integer plates are sRGB: every value is value / maximum."""
    stored = (noise(9, 12, 3) * top).round().astype(depth)
    write(tmp_path / f"p.0001.{suffix}", stored, depth)
    expected = (stored / np.float64(top)).astype(np.float32)
    np.testing.assert_array_equal(reader(suffix, "auto").read(1).image(**whole(stored)), expected)


def test_ten_bit_dpx(tmp_path, reader):
    """A 10-bit DPX keeps its 10 bits."""
    codes = np.arange(0, 1023, 16)[:64].reshape(8, 8, 1).repeat(3, 2)
    stored = (codes / 1023 * 65535).round().astype(np.uint16)
    write(tmp_path / "p.0001.dpx", stored, "uint16", attributes={"oiio:BitsPerSample": 10})
    image = reader("dpx", "auto").read(1).image(**whole(stored))
    np.testing.assert_array_equal((image * 1023).round(), codes)


def test_jpeg(tmp_path, reader):
    """Smooth content is close to the original, and equals Pillow's decoding."""
    ramp = np.linspace(0, 255, 64).astype(np.uint8)[None, :, None].repeat(48, 0).repeat(3, 2)
    path = tmp_path / "p.0001.jpg"
    Pillow.fromarray(ramp).save(path, quality=95)
    image = reader("jpg", "auto").read(1).image(**whole(ramp))
    np.testing.assert_allclose(image, np.asarray(Pillow.open(path)) / 255, atol=1.5 / 255)


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_png_with_alpha_keeps_its_colours_as_stored(tmp_path, reader, suffix):
    """Colours are not premultiplied by alpha."""
    stored = (noise(5, 6, 4) * 255).round().astype(np.uint8)
    stored[0, 0, 3] = 0
    if suffix == "png":
        Pillow.fromarray(stored, "RGBA").save(tmp_path / "p.0001.png")
    else:
        write(tmp_path / "p.0001.tif", stored, "uint8", "RGBA", attributes={"oiio:UnassociatedAlpha": 1})
    image = reader(suffix, "auto").read(1).image(**whole(stored))
    np.testing.assert_array_equal((image * 255).round(), stored[..., :3])


def test_a_linear_plate_is_shown_as_srgb(tmp_path, reader):
    """A half EXR without metadata is scene-linear: 0.18 becomes its sRGB value."""
    write(tmp_path / "p.0001.exr", np.full((8, 8, 3), 0.18, np.float32), "float")
    image = reader(space="auto").read(1).image(window=Window(0, 0, 8, 8), size=(8, 8))
    np.testing.assert_allclose(image, 0.461356, atol=2e-6)


@pytest.mark.parametrize(
    ("origin", "shape"),
    [((-5, -3), (30, 40)), ((4, 6), (8, 9)), ((-4, 5), (9, 50)), ((7, -6), (40, 8)), ((20, 12), (30, 40))],
    ids=["overscan", "inside", "wide", "tall", "past the corner"],
)
def test_the_data_window_is_placed_in_the_requested_window(tmp_path, reader, origin, shape):
    """Pixels keep their position; missing ones are black, and those outside are cropped."""
    truth = noise(*shape, 3) * 0.5 + 0.25
    display = Window(0, 0, 24, 16)
    write(tmp_path / "p.0001.exr", truth, "float", data=origin, display=display)
    for window in (display, Window(-8, -8, 40, 30)):
        image = reader().read(1).image(window=window, size=window.shape)
        expected = np.zeros((*window.shape, 3), np.float32)
        for row in range(window.height):
            for column in range(window.width):
                y, x = window.y + row - origin[1], window.x + column - origin[0]
                if 0 <= y < shape[0] and 0 <= x < shape[1]:
                    expected[row, column] = truth[y, x]
        np.testing.assert_array_equal(image, expected)


def test_a_data_window_away_from_the_window_is_black(tmp_path, reader):
    """A file without pixels in the window gives a black frame."""
    write(tmp_path / "p.0001.exr", noise(4, 4, 3), data=(100, 100), display=Window(0, 0, 16, 8))
    assert not reader().read(1).image(window=Window(0, 0, 16, 8), size=(8, 16)).any()


def test_headers(tmp_path, reader):
    """The metadata that mattes inherit is read without pixels."""
    write(
        tmp_path / "p.0001.exr",
        noise(8, 8, 3),
        data=(1, 2),
        display=Window(0, 0, 16, 12),
        attributes={"PixelAspectRatio": 2.0},
    )
    header = reader().header(1)
    assert (header.display, header.data, header.pixel_aspect) == (Window(0, 0, 16, 12), Window(1, 2, 8, 8), 2.0)


def test_downscaling_has_no_aliasing(tmp_path, reader):
    """A checkerboard becomes even grey, a ramp remains a ramp, and the mean is preserved."""
    rows, columns = np.mgrid[0:96, 0:160]
    checker = ((rows + columns) % 2).astype(np.float32)
    truth = np.stack([checker, columns / 160, np.full_like(checker, 0.25)], -1).astype(np.float32)
    write(tmp_path / "p.0001.exr", truth, "float")
    image = reader().read(1).image(window=Window(0, 0, 160, 96), size=(24, 40))
    np.testing.assert_allclose(image[1:-1, 1:-1, 0], 0.5, atol=0.02)
    np.testing.assert_allclose(image[0, 1:-1, 1], (np.arange(1, 39) + 0.5) * 4 / 160 - 0.5 / 160, atol=1e-5)
    np.testing.assert_allclose(image[..., 2], 0.25, atol=1e-6)


@pytest.mark.parametrize("size", [(75, 64), (150, 64), (75, 128), (40, 99), (170, 140)], ids=str)
@pytest.mark.parametrize(("depth", "suffix"), [("half", "exr"), ("float", "exr"), ("uint8", "png"), ("uint16", "tif")])
def test_resizing_agrees_with_pillow(tmp_path, reader, depth, suffix, size):
    """Resizing in bands equals resizing whole sanitised channels, to the last digit or two."""
    truth = noise(150, 128, 3)
    if suffix == "exr":
        truth[3, 5], truth[70, 9, 0], truth[149, 127, 2], truth[63:66, 20] = np.nan, np.inf, -2, 9.5
    scale = {"uint8": 255, "uint16": 65535}.get(depth, 1)
    stored = truth if scale == 1 else np.rint(truth * scale).astype(depth)
    write(tmp_path / f"p.0001.{suffix}", stored, depth)
    values = truth if scale == 1 else (stored / np.float64(scale)).astype(np.float32)
    safe = np.clip(np.nan_to_num(values, nan=0, posinf=8), 0, 8).astype(np.float32)
    whole = [
        np.asarray(Pillow.fromarray(np.ascontiguousarray(safe[..., i])).resize(size[::-1], Pillow.Resampling.BILINEAR))
        for i in range(3)
    ]
    image = reader(suffix, highlights="clip").read(1).image(window=Window(0, 0, 128, 150), size=size)
    # Which way Pillow goes first depends on the sizes.
    np.testing.assert_allclose(image, np.minimum(np.stack(whole, -1), 1), rtol=0, atol=2e-7)


def test_linear_plates_are_averaged_as_light(tmp_path, reader):
    """Scene-linear values are averaged before the sRGB curve, sRGB values as stored."""
    stripes = np.tile(np.array([0.0, 0.5], np.float32)[None, :, None], (32, 16, 3))
    write(tmp_path / "p.0001.exr", stripes, "float")
    args = {"window": Window(0, 0, 32, 32), "size": (8, 8)}
    light = 1.055 * 0.25 ** (1 / 2.4) - 0.055
    np.testing.assert_allclose(reader(space="auto").read(1).image(**args)[2:-2, 2:-2], light, atol=0.01)
    np.testing.assert_allclose(reader(space="sRGB").read(1).image(**args)[2:-2, 2:-2], 0.25, atol=0.01)


def test_broken_samples_do_not_spread(tmp_path, reader):
    """NaN, Inf and a firefly change only the network pixels that cover them, and these stay in [0, 1]."""
    clean = np.full((80, 80, 3), 0.18, np.float32)
    dirty = clean.copy()
    dirty[10, 10], dirty[10, 70], dirty[70, 10], dirty[70, 70] = np.nan, np.inf, -np.inf, 60000
    write(tmp_path / "p.0001.exr", clean, "float")
    write(tmp_path / "p.0002.exr", dirty, "float")
    plates = reader(space="auto")
    images = [plates.read(frame).image(window=Window(0, 0, 80, 80), size=(10, 10)) for frame in (1, 2)]
    assert np.isfinite(images[1]).all() and images[1].min() >= 0 and images[1].max() <= 1
    changed = np.argwhere(np.abs(images[1] - images[0]).max(-1) > 1e-6)
    corners = np.array([[1, 1], [1, 8], [8, 1], [8, 8]])
    assert np.abs(changed[:, None] - corners[None]).max(-1).min(1).max() <= 1
    assert images[1][8, 8, 0] - images[0][8, 8, 0] < 0.2  # one bright sample in 64 does not make a white pixel


@pytest.mark.parametrize(
    ("names", "layer"),
    [
        (("beauty.R", "beauty.G", "beauty.B", "R", "G", "B"), "beauty"),
        (("beauty.red", "beauty.green", "beauty.blue", "R", "G", "B"), "beauty"),
        (("View.Combined.r", "View.Combined.g", "View.Combined.b", "R", "G", "B"), "view.combined"),
        (("r", "g", "b", "Z", "hero.A", "bg.A"), None),
        (("Red", "Green", "Blue", "alpha", "hero.A", "bg.A"), None),
    ],
)
def test_the_picture_is_found_by_layer_and_name(tmp_path, reader, names, layer):
    """R or red in any case, in the unnamed or the requested layer."""
    truth = noise(6, 7, 6)
    write(tmp_path / "p.0001.exr", truth, "half", names)
    np.testing.assert_array_equal(reader(layer=layer).read(1).image(**whole(truth)), truth[..., :3])


@pytest.mark.parametrize(("names", "layer"), [(("Y",), None), (("Y", "A"), None), (("depth.V", "hero.A"), "depth")])
def test_a_single_channel_becomes_grey(tmp_path, reader, names, layer):
    """One channel besides alpha is a grey image."""
    truth = noise(6, 7, len(names))
    write(tmp_path / "p.0001.exr", truth, "half", names)
    image = reader(layer=layer).read(1).image(**whole(truth))
    np.testing.assert_array_equal(image, truth[..., :1].repeat(3, 2))


@pytest.mark.parametrize(("name", "channels"), [("depth", "Z"), ("CryptoObject00", "RGBA"), ("mask", "Y")])
def test_data_parts_before_the_picture_are_skipped(tmp_path, reader, name, channels):
    """Renderers sort parts by name; a part with depth, masks or ids is not the plate if another has colours."""
    data, beauty = noise(16, 20, len(channels)), noise(16, 20, 3, seed=1)
    parts = [
        (spec_of(data, "float", channels, attributes={"oiio:subimagename": name}), data),
        (spec_of(beauty, "half", "RGB", attributes={"oiio:subimagename": "rgb"}), beauty),
    ]
    write_parts(tmp_path / "p.0001.exr", parts)
    np.testing.assert_array_equal(reader().read(1).image(**whole(beauty)), beauty)
    if len(channels) == 1:
        grey = reader(part=name).read(1).image(**whole(beauty))
        np.testing.assert_array_equal(grey, data.repeat(3, -1))


def test_several_parts_with_colours_give_one_warning(tmp_path, reader):
    """The first is used; the warning names the others and the setting, and is gone when a part is chosen."""
    albedo, beauty, crypto = (noise(16, 20, 3, seed=seed) for seed in range(3))
    parts = [
        (spec_of(pixels, "half", "RGB", attributes={"oiio:subimagename": name}), pixels)
        for name, pixels in (("albedo", albedo), ("C", beauty), ("crypto00", crypto))
    ]
    for frame in (1, 2):
        write_parts(tmp_path / f"p.{frame:04d}.exr", parts)
    warnings: list[str] = []
    plates = reader(warn=warnings.append)
    for frame in (1, 2):
        np.testing.assert_array_equal(plates.read(frame).image(**whole(albedo)), albedo)
    (warning,) = warnings
    assert "frame 1" in warning and "part C, too; albedo is used" in warning and "read.part" in warning
    np.testing.assert_array_equal(reader(part="C", warn=warnings.append).read(1).image(**whole(beauty)), beauty)
    assert len(warnings) == 1


def test_white_is_zero_in_16_bits_is_refused(tmp_path, reader):
    """OpenImageIO inverts white as 0 only in 8 bits."""
    values = (np.arange(16 * 20) * 800 % 65536).astype(np.uint16).reshape(16, 20)
    write_tiff(tmp_path / "p.0001.tif", values, WHITE_IS_ZERO)
    with pytest.raises(PlateError, match="stores white as 0 in uint16"):
        reader("tif").header(1)
    byte = (values >> 8).astype(np.uint8)
    write_tiff(tmp_path / "p.0001.tif", 255 - byte, WHITE_IS_ZERO)
    image = reader("tif").read(1).image(**whole(values))
    np.testing.assert_allclose(image[..., 0], byte / 255, atol=1e-6)


def test_parts_by_name_and_by_layer(tmp_path, reader):
    """A part is selected by name; the default is the first part with an image."""
    mattes, beauty, diffuse = noise(4, 5, 2), noise(4, 5, 3, seed=1), noise(4, 5, 3, seed=2)
    parts = [
        (spec_of(mattes, "half", ("hero.A", "bg.A"), attributes={"oiio:subimagename": "mattes"}), mattes),
        (spec_of(beauty, "half", "RGB", attributes={"oiio:subimagename": "beauty"}), beauty),
        (spec_of(diffuse, "half", ("d.R", "d.G", "d.B"), attributes={"oiio:subimagename": "diffuse"}), diffuse),
    ]
    write_parts(tmp_path / "p.0001.exr", parts)
    np.testing.assert_array_equal(reader().read(1).image(**whole(beauty)), beauty)
    np.testing.assert_array_equal(reader(part="beauty").read(1).image(**whole(beauty)), beauty)
    np.testing.assert_array_equal(reader(part="diffuse", layer="d").read(1).image(**whole(beauty)), diffuse)
    np.testing.assert_array_equal(reader(layer="d").read(1).image(**whole(beauty)), diffuse)
    with pytest.raises(PlateError, match=r"no part 'beaty'.*read\.part to one of: mattes, beauty, diffuse"):
        reader(part="beaty").read(1).image(**whole(beauty))


def test_unknown_layers(tmp_path, reader):
    """The error names frame, file and setting, and the layers that are images."""
    write(tmp_path / "p.0001.exr", noise(4, 5, 6), "half", ("d.R", "d.G", "d.B", "N.X", "N.Y", "N.Z"))
    for layer in (None, "beauty"):
        with pytest.raises(PlateError, match=r"^frame 1 \(.*p\.0001\.exr\): .*read\.layer to one of: d\."):
            reader(layer=layer).header(1)


def three_frames(tmp_path):
    for frame in (10, 12, 20):
        write(
            tmp_path / f"p.{frame:04d}.exr",
            np.full((4, 6, 3), frame / 100, np.float32),
            "float",
            attributes={"PixelAspectRatio": frame / 10},
        )


def test_a_missing_frame_stops_by_default(tmp_path, reader):
    """The error names frame, file, the existing frames and the setting."""
    three_frames(tmp_path)
    for act in (reader().header, lambda frame: reader().read(frame).image(window=Window(0, 0, 6, 4), size=(4, 6))):
        with pytest.raises(MissingFrameError) as caught:
            act(11)
        assert caught.value.where == f"frame 11 ({tmp_path / 'p.0011.exr'})"
        assert "10,12,20" in caught.value.what
        assert "read.missing" in str(caught.value.fix)


@pytest.mark.parametrize(("frame", "source"), [(11, 10), (15, 12), (99, 20), (1, 10), (-3, 10)])
def test_a_missing_frame_is_held_from_the_one_before(tmp_path, reader, frame, source):
    """The nearest earlier frame is used; before the first frame, the first."""
    three_frames(tmp_path)
    plates = reader(missing="hold")
    plate = plates.read(frame)
    assert (plate.frame, plate.held_from) == (frame, source)
    np.testing.assert_allclose(plate.image(window=Window(0, 0, 6, 4), size=(4, 6)), source / 100)
    assert plates.header(frame) == plate.header
    assert plate.header.pixel_aspect == pytest.approx(source / 10)
    assert plates.read(12).held_from is None


@pytest.mark.parametrize("missing", ["stop", "hold"])
def test_a_plate_without_any_file(reader, missing):
    """The error is about the path."""
    with pytest.raises(MissingFrameError, match=r"no frame of the plate .* is on disk.*Check the path"):
        reader(missing=missing).read(1).image(window=Window(0, 0, 6, 4), size=(4, 6))


@pytest.mark.parametrize("missing", ["stop", "hold"])
def test_a_damaged_frame_is_an_error_under_every_policy(tmp_path, reader, missing):
    """A truncated file is not a missing frame, and is never held or skipped silently."""
    path = write(tmp_path / "p.0001.exr", noise(64, 64, 3))
    path.write_bytes(path.read_bytes()[:-400])
    with pytest.raises(PlateError, match=r"^frame 1 \(.*p\.0001\.exr\): pixels are missing"):
        reader(missing=missing).read(1).image(window=Window(0, 0, 64, 64), size=(64, 64))


def test_a_format_that_changes_is_refused(tmp_path, reader):
    """Another display window is an error with both sizes and frames; another data window is not."""
    display = Window(0, 0, 20, 10)
    write(tmp_path / "p.0001.exr", noise(10, 20, 3), display=display)
    write(tmp_path / "p.0002.exr", noise(4, 4, 3), data=(-2, 3), display=display)
    write(tmp_path / "p.0003.exr", noise(20, 40, 3), display=Window(0, 0, 40, 20))
    plates = reader()
    for frame in (1, 2):
        plates.read(frame).image(window=display, size=(10, 20))
    for act in (plates.header, lambda frame: plates.read(frame).image(window=display, size=(10, 20))):
        with pytest.raises(PlateError, match=r"^frame 3 .*format is 40x20, but 20x10 at frame 1"):
            act(3)


def test_threads_share_a_reader(tmp_path, reader):
    """Results on several threads equal those on one."""
    truth = {frame: noise(40, 60, 3, seed=frame) for frame in range(8)}
    for frame, pixels in truth.items():
        write(tmp_path / f"p.{frame:04d}.exr", pixels)
    plates = reader()

    def image(frame: int) -> np.ndarray:
        return plates.read(frame).image(**whole(truth[frame]))

    with ThreadPoolExecutor(8) as pool:
        jobs = {frame: pool.submit(image, frame) for frame in truth}
    for frame, job in jobs.items():
        np.testing.assert_array_equal(job.result(), truth[frame])


def test_the_digest_of_a_frame(tmp_path, reader):
    """It changes with any pixel, the data window and the pixel aspect, but not with the file that has them."""
    pixels = noise(40, 60, 3)
    other = pixels.copy()
    other[39, 59, 2] += 1 / 64
    display = Window(0, 0, 80, 60)
    for frame, (each, arguments) in enumerate(
        [
            (pixels, {}),
            (pixels, {"attributes": {"compression": "none"}}),
            (other, {}),
            (pixels, {"data": (1, 0)}),
            (pixels, {"attributes": {"PixelAspectRatio": 2.0}}),
        ]
    ):
        write(tmp_path / f"p.{frame:04d}.exr", each, display=display, **arguments)
    plates = reader()
    digests = [plates.read(frame).digest for frame in range(5)]
    assert digests[0] == digests[1] == reader().read(0).digest
    assert len(set(digests)) == 4


def test_a_window_of_a_frame_is_a_part_of_it(tmp_path, reader):
    """At plate resolution, the pixels of the whole image; black beyond the data window."""
    pixels = noise(40, 60, 3)
    write(tmp_path / "p.0001.exr", pixels, data=(10, 5), display=Window(0, 0, 80, 60))
    frame = reader().read(1)
    whole_image = frame.image(Window(-4, -4, 90, 70), (70, 90))
    np.testing.assert_array_equal(whole_image[9:49, 14:74], pixels)
    for window in (Window(20, 20, 16, 9), Window(60, 30, 26, 36), Window(-4, 0, 3, 3)):
        rows, columns = window.slices_in(Window(-4, -4, 90, 70))
        np.testing.assert_array_equal(frame.image(window, window.shape), whole_image[rows, columns])


def test_windows_load_without_openimageio():
    """Modules that only need windows do not import OpenImageIO."""
    code = "import sys, stcn_plugin.media.window; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "stcn_plugin.media.window" in loaded
    assert not {"OpenImageIO", "PIL", "numpy"} & set(loaded)
