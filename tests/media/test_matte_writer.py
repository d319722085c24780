from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from picture_files import noise
from PIL import Image as Pillow

from stcn_plugin.errors import OutputError
from stcn_plugin.media.images import read_header, read_image
from stcn_plugin.media.matte_writer import MatteWriter
from stcn_plugin.media.object_names import layer_name, layer_names
from stcn_plugin.media.sequences import FrameSequence
from stcn_plugin.media.window import FrameHeader, Window

DISPLAY = Window(0, 0, 20, 12)
PLAIN = FrameHeader(DISPLAY, DISPLAY)
EXR_COMPRESSIONS = ["none", "rle", "zips", "zip", "piz", "dwaa", "dwab"]


def writer_of(folder, pattern: str, objects=("hero", "bg"), **settings) -> MatteWriter:
    return MatteWriter(FrameSequence.parse(folder / pattern), objects=objects, **settings)


def mattes_over(window: Window, *names: str) -> dict[str, np.ndarray]:
    """Soft mattes with solid and clear areas that half floats represent exactly."""
    values = noise(*window.shape, len(names), seed=5) / 2
    values[:3], values[3:5] = 0, 1
    return {name: values[..., index] for index, name in enumerate(names)}


@pytest.mark.parametrize("compression", EXR_COMPRESSIONS)
def test_layers_are_lossless_and_rgba_is_their_union(tmp_path, compression):
    """`<object>.A` is exact under every compression; R, G, B and A exist for Blender."""
    mattes = mattes_over(DISPLAY, "hero", "bg")
    (path,) = writer_of(tmp_path, "m.####.exr", compression=compression).write(7, mattes, window=DISPLAY, header=PLAIN)
    image = read_image(path)
    assert path == tmp_path / "m.0007.exr"
    assert (set(image.channels), image.format) == ({"R", "G", "B", "A", "hero.A", "bg.A"}, "half")
    assert image.metadata["compression"] == compression
    for name, matte in mattes.items():
        np.testing.assert_array_equal(image.channel(f"{name}.A"), matte)
    union = np.minimum(mattes["hero"] + mattes["bg"], 1).astype(np.float16)
    np.testing.assert_array_equal(image.channel("A"), union)
    for name in "RGB":  # colours are lossy under DWA
        np.testing.assert_allclose(image.channel(name), union, atol=0.03 if "dwa" in compression else 0)


def test_the_header_of_the_plate_is_carried_over(tmp_path):
    """Windows, pixel aspect, timecode, frame rate and software are written."""
    display, data = Window(2, 1, 16, 9), Window(-3, -2, 30, 20)
    header = FrameHeader(display, data, 2.0, (0x01020304, 7), (24000, 1001))
    window = display.union(data)
    (path,) = writer_of(tmp_path, "m.####.exr", software="stcn test").write(
        1001, mattes_over(window, "hero", "bg"), window=window, header=header
    )
    read = read_header(path)
    assert read.header == header
    assert read.metadata["Software"] == "stcn test"


@pytest.mark.parametrize("data", [Window(3, 2, 5, 6), Window(-4, -3, 40, 30), Window(15, -5, 10, 30), DISPLAY], ids=str)
def test_mattes_are_placed_in_the_data_window(tmp_path, data):
    """Pixels keep their position; outside the shot's window they are 0."""
    window = Window(-2, -1, 24, 14)
    mattes = mattes_over(window, "hero", "bg")
    (path,) = writer_of(tmp_path, "m.####.exr").write(1, mattes, window=window, header=FrameHeader(DISPLAY, data))
    image = read_image(path)
    assert image.header.data == data
    for name, matte in mattes.items():
        written = image.channel(f"{name}.A")
        for row in range(data.height):
            for column in range(data.width):
                y, x = row + data.y - window.y, column + data.x - window.x
                inside = 0 <= y < window.height and 0 <= x < window.width
                assert written[row, column] == (matte[y, x] if inside else 0)


@pytest.mark.parametrize(("depth", "levels"), [("auto", 65535), ("uint16", 65535), ("uint8", 255)])
@pytest.mark.parametrize("suffix", ["png", "tif", "tiff"])
def test_grey_files_hold_the_display_window(tmp_path, suffix, depth, levels):
    """PNG and TIFF are one linear grey channel over the format, rounded to the nearest level."""
    window, display = Window(-2, -1, 24, 14), Window(0, 0, 20, 12)
    mattes = mattes_over(window, "hero", "bg")
    header = FrameHeader(display, Window(-2, -1, 10, 14), pixel_aspect=2.0)
    paths = writer_of(tmp_path, f"m.####.{suffix}", depth=depth).write(1001, mattes, window=window, header=header)
    assert [path.name for path in paths] == [f"m.hero.1001.{suffix}", f"m.bg.1001.{suffix}"]
    for path, matte in zip(paths, mattes.values(), strict=True):
        with Pillow.open(path) as picture:
            written = np.asarray(picture, np.float64)
        np.testing.assert_array_equal(written, np.rint(matte[1:13, 2:22].astype(np.float64) * levels))
        assert read_header(path).header.pixel_aspect == 2.0


@pytest.mark.parametrize("depth", ["half", "float"])
def test_one_exr_per_object_has_the_matte_in_all_of_rgba(tmp_path, depth):
    """The matte is visible in Nuke's alpha and in Blender's image."""
    value = np.float32(1 / 3)
    matte = np.full(DISPLAY.shape, value, np.float32)
    writer = writer_of(tmp_path, "<object>/m.####.exr", depth=depth)
    paths = writer.write(3, {"hero": matte}, window=DISPLAY, header=PLAIN)
    assert paths == writer.paths(3) == (tmp_path / "hero" / "m.0003.exr", tmp_path / "bg" / "m.0003.exr")
    image = read_image(paths[0])
    assert (image.channels, image.format) == (("R", "G", "B", "A"), depth)
    assert (image.pixels == (value if depth == "float" else np.float32(np.float16(value)))).all()
    assert not read_image(paths[1]).pixels.any()


@pytest.mark.parametrize(
    ("pattern", "objects", "layout", "names"),
    [
        ("m.####.exr", ["a1"], "auto", ["m.0001.exr"]),
        ("m.####.exr", ["a1", "b1"], "auto", ["m.0001.exr"]),
        ("m.####.png", ["a1"], "auto", ["m.0001.png"]),
        ("m.####.png", ["a1"], "layers", ["m.0001.png"]),
        ("m.####.png", ["a1"], "per_object", ["m.a1.0001.png"]),
        ("m.####.png", ["a1", "b1"], "auto", ["m.a1.0001.png", "m.b1.0001.png"]),
        ("m.<object>.####.exr", ["a1"], "auto", ["m.a1.0001.exr"]),
        ("m.####.exr", ["a1", "b1"], "per_object", ["m.a1.0001.exr", "m.b1.0001.exr"]),
        ("m.####.exr", ["a1", "b1"], "cryptomatte", ["m.0001.exr"]),
        ("m.####.png", ["left arm/2", "left arm.2"], "auto", ["m.left_arm_2.0001.png", "m.left_arm_2_2.0001.png"]),
    ],
)
def test_paths_follow_layout_and_objects(tmp_path, pattern, objects, layout, names):
    """The written files are those announced by `paths`."""
    writer = writer_of(tmp_path, pattern, objects, layout=layout)
    assert [path.name for path in writer.paths(1)] == names
    paths = writer.write(1, mattes_over(DISPLAY, *objects), window=DISPLAY, header=PLAIN)
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == sorted(names)
    assert paths == writer.paths(1)


@pytest.mark.parametrize(
    ("pattern", "settings", "message"),
    [
        ("m.####.png", {"layout": "layers"}, r"layers need EXR files; .png holds one matte\. Write .exr, or set"),
        ("m.####.tif", {"layout": "cryptomatte"}, "a Cryptomatte needs EXR files, not .tif"),
        ("m.####.exr", {"depth": "uint8"}, r"EXR files cannot hold uint8\. Set the depth to half or float"),
        ("m.####.png", {"depth": "half"}, r"\.png files cannot hold half mattes\. Set the depth to uint8 or uint16"),
        ("m.####.exr", {"layout": "cryptomatte", "depth": "half"}, "half would destroy its ids"),
        ("m.####.jpg", {}, r"mattes cannot be written as '\.jpg'\. Choose \.exr, \.png"),
        ("m.####.exr", {"objects": []}, "no object to write"),
        ("m.####.exr", {"objects": ["a", "b", "a"]}, "'a' is named twice"),
        ("<object>.####.exr", {"layout": "layers"}, "Remove <object> from the pattern"),
    ],
)
def test_unsupported_outputs_are_refused_on_creation(tmp_path, pattern, settings, message):
    """The error names the pattern and says what to change."""
    with pytest.raises(OutputError, match=message) as caught:
        writer_of(tmp_path, pattern, **settings)
    assert pattern in str(caught.value)


@pytest.mark.parametrize("pattern", ["m.####.exr", "m.####.png"])
def test_values_become_coverage(tmp_path, pattern):
    """NaN is written as 0, and values are clamped to [0, 1]; 0 and 1 are exact."""
    values = [np.nan, -0.5, 0.0, 1e-9, 1.0, 1.5, np.inf, -np.inf]
    matte = np.array([values], np.float32)
    window = Window(0, 0, len(values), 1)
    (path,) = writer_of(tmp_path, pattern, ["hero"]).write(
        1, {"hero": matte}, window=window, header=FrameHeader(window, window)
    )
    image = read_image(path)
    expected = [0, 0, 0, 0, 1, 1, 1, 0]
    for name in image.channels:
        np.testing.assert_array_equal(image.channel(name)[0], expected)


def test_an_absent_object_is_written_as_clear(tmp_path):
    """Its layer exists on every frame, so that nodes in a host keep working."""
    (path,) = writer_of(tmp_path, "m.####.exr").write(
        1, {"bg": np.ones(DISPLAY.shape, np.float32)}, window=DISPLAY, header=PLAIN
    )
    image = read_image(path)
    assert not image.channel("hero.A").any()
    assert (image.channel("bg.A") == 1).all()


def test_mattes_of_unknown_objects_or_sizes_are_refused(tmp_path):
    """The error names the frame, and no file is written."""
    writer = writer_of(tmp_path, "m.####.exr")
    with pytest.raises(OutputError, match="frame 12: the matte of 'hero' is 5x4, not 20x12"):
        writer.write(12, {"hero": np.zeros((4, 5), np.float32)}, window=DISPLAY, header=PLAIN)
    with pytest.raises(OutputError, match="frame 12: the matte 'heroo' is not of an object"):
        writer.write(12, {"heroo": np.zeros(DISPLAY.shape, np.float32)}, window=DISPLAY, header=PLAIN)
    assert list(tmp_path.iterdir()) == []


def test_frames_may_be_written_from_several_threads(tmp_path):
    """Threads that write different frames can share a writer."""
    writer = writer_of(tmp_path, "m.####.exr")
    truth = {frame: np.full(DISPLAY.shape, frame / 16, np.float32) for frame in range(1, 9)}

    def write(frame: int) -> None:
        writer.write(frame, {"hero": truth[frame]}, window=DISPLAY, header=PLAIN)

    threads = [threading.Thread(target=write, args=(frame,)) for frame in truth]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for frame, matte in truth.items():
        np.testing.assert_array_equal(read_image(writer.paths(frame)[0]).channel("hero.A"), matte)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("hero", "hero"),
        ("left arm", "left_arm"),
        ("hero.v2", "hero_v2"),
        ("char:body/skin", "char_body_skin"),
        ("mädchen", "mädchen"),
        ("left-arm", "left-arm"),
        ("..", "matte"),
        ("R", "R_matte"),
        ("Mask", "Mask_matte"),
        ("x" * 70, "x" * 63),
        ("ä" * 40, "ä" * 31),
    ],
)
def test_names_fit_hosts_and_file_systems(name, expected):
    """No dots, spaces or separators, no names reserved by hosts, and at most 63 bytes."""
    assert layer_name(name) == expected


@given(st.lists(st.text(min_size=1), unique=True))
def test_object_names_are_unique(objects):
    """Names differ even if case is ignored, and fit in 63 bytes."""
    names = list(layer_names(objects).values())
    assert len({name.casefold() for name in names}) == len(objects)
    for name in names:
        assert 0 < len(name.encode()) <= 63
        assert not set(name) & set('. /\\:*?"<>|,')


def test_tiff_mattes_have_no_time(tmp_path):
    """Equal mattes are equal files, whenever they are written."""
    (path,) = writer_of(tmp_path, "m.####.tif", objects=("hero",)).write(
        1, mattes_over(DISPLAY, "hero"), window=DISPLAY, header=PLAIN
    )
    with Pillow.open(path) as image:
        assert not image.tag_v2.get(306)  # DateTime
    assert b"CreateDate" not in path.read_bytes()
