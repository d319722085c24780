"""All plate formats, in files that OpenImageIO did not write, and files that are not images."""

from __future__ import annotations

import io
import os
import socket
import struct
import warnings

import numpy as np
import pytest
from PIL import Image as Pillow
from raw_pictures import bmp, cineon, dpx, exr, png, radiance, targa, tiff

from stcn_plugin.errors import KeyframeError, PlateError
from stcn_plugin.media import images, opening
from stcn_plugin.media.formats import PICTURES
from stcn_plugin.media.images import read_header, read_headers, read_image
from stcn_plugin.media.oiio_plates import OpenImageIOPlates
from stcn_plugin.media.pixels import to_float

EIGHT_BITS = np.random.default_rng(3).integers(0, 256, (6, 10, 4), np.uint8)
SMOOTH = np.linspace(0, 255, 48 * 64).reshape(48, 64, 1).repeat(3, 2).astype(np.uint8)


def by_pillow(kind, pixels=EIGHT_BITS[..., :3], **options):
    stream = io.BytesIO()
    Pillow.fromarray(pixels).save(stream, kind, **options)
    return stream.getvalue()


def over(pixels, top=255):
    return (pixels / np.float64(top)).astype(np.float32)


SIXTEEN_BITS = (EIGHT_BITS.astype(np.uint16) << 8) | EIGHT_BITS[::-1]
TEN_BITS = np.random.default_rng(4).integers(0, 1024, (6, 10, 3), np.uint16)
HALVES = np.random.default_rng(5).normal(0, 4, (6, 10, 3)).astype(np.float16).astype(np.float32)
MANTISSAS = np.concatenate([EIGHT_BITS[..., :3] | 128, np.full((6, 10, 1), 130, np.uint8)], -1)

# Name, bytes, expected pixels and tolerance.
REAL = [
    ("p.exr", exr(HALVES[..., ::-1]), HALVES, 0),
    ("p.png", png(EIGHT_BITS[..., :3]), over(EIGHT_BITS[..., :3]), 0),
    ("rgba.png", png(EIGHT_BITS), over(EIGHT_BITS), 0),
    ("grey.png", png(EIGHT_BITS[..., :1]), over(EIGHT_BITS[..., :1]), 0),
    ("16.png", png(SIXTEEN_BITS), over(SIXTEEN_BITS, 65535), 0),
    ("p.jpg", by_pillow("JPEG", SMOOTH, quality=95), over(SMOOTH), 2 / 255),
    ("p.jpeg", by_pillow("JPEG", SMOOTH, quality=95, progressive=True), over(SMOOTH), 2 / 255),
    ("p.tif", tiff(EIGHT_BITS[..., :3]), over(EIGHT_BITS[..., :3]), 0),
    ("16.tif", tiff(SIXTEEN_BITS[..., :3]), over(SIXTEEN_BITS[..., :3], 65535), 0),
    ("float.tif", tiff(HALVES), HALVES, 0),
    ("double.tif", tiff(HALVES.astype(np.float64)), HALVES, 0),
    ("p.tiff", by_pillow("TIFF", compression="tiff_lzw"), over(EIGHT_BITS[..., :3]), 0),
    ("deflate.tiff", by_pillow("TIFF", compression="tiff_adobe_deflate"), over(EIGHT_BITS[..., :3]), 0),
    ("p.dpx", dpx(TEN_BITS), over(TEN_BITS, 1023), 1 / 65535),
    ("p.cin", cineon(TEN_BITS), over(TEN_BITS, 1023), 1 / 65535),
    ("p.tga", targa(EIGHT_BITS[..., :3]), over(EIGHT_BITS[..., :3]), 0),
    ("rgba.tga", targa(EIGHT_BITS), over(EIGHT_BITS), 0),
    ("rle.tga", by_pillow("TGA", compression="tga_rle"), over(EIGHT_BITS[..., :3]), 0),
    ("p.hdr", radiance(MANTISSAS), MANTISSAS[..., :3] / np.float32(64), 0),
    ("p.webp", by_pillow("WEBP", lossless=True), over(EIGHT_BITS[..., :3]), 0),
    ("p.bmp", bmp(EIGHT_BITS[..., :3]), over(EIGHT_BITS[..., :3]), 0),
]


@pytest.mark.parametrize(("name", "raw", "expected", "tolerance"), REAL, ids=[each[0] for each in REAL])
def test_every_format_gives_the_values_that_are_in_the_file(tmp_path, name, raw, expected, tolerance):
    """Files from bytes or other programs give their values, in the right orientation."""
    path = tmp_path / name
    path.write_bytes(raw)
    image = read_image(path, unassociated=True)
    assert image.pixels.dtype == np.float32
    np.testing.assert_allclose(image.pixels, expected, rtol=0, atol=tolerance)
    picture = OpenImageIOPlates().picture(path, where=name)
    colours = expected[..., :3]
    np.testing.assert_allclose(to_float(picture.pixels), colours, rtol=0, atol=tolerance)
    assert picture.is_float == (expected.max() > 1)


def test_no_format_is_without_a_real_file():
    """Every supported format is in the test above."""
    assert {"." + name.rpartition(".")[2] for name, *_ in REAL} == set(PICTURES)


def test_doubles_beyond_float32_are_infinite(tmp_path):
    """NumPy's warning does not reach the terminal."""
    path = tmp_path / "p.tif"
    path.write_bytes(tiff(np.full((2, 2, 3), 1e300)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isinf(read_image(path).pixels).all()


def box(kind, brand=b""):
    return struct.pack(">I", 24) + kind + brand + b"\0" * 40


def as_chroma(raw):
    """The same DPX, declared as CbYCrY."""
    return raw[:800] + bytes([100]) + raw[801:]


@pytest.mark.parametrize(
    ("name", "raw", "what", "fix"),
    [
        ("p.avif", box(b"ftyp", b"avif"), "an AVIF image", "Convert"),
        ("p.heic", box(b"ftyp", b"heic"), "a HEIC image", "Convert"),
        ("p.png", box(b"ftyp", b"mif1"), "a HEIC image", "Convert"),
        ("p.mov", box(b"ftyp", b"qt  "), "a movie", "frames as a sequence"),
        ("p.mov", box(b"moov"), "a movie", "frames as a sequence"),
        ("p.mp4", box(b"ftyp", b"isom"), "a movie", "frames as a sequence"),
        ("p.mxf", b"\x06\x0e\x2b\x34\x02\x05\x01\x01" + b"\0" * 40, "a movie", "frames as a sequence"),
        ("p.mkv", b"\x1a\x45\xdf\xa3" + b"\0" * 40, "a movie", "frames as a sequence"),
        ("p.avi", b"RIFF\0\0\0\0AVI LIST" + b"\0" * 40, "a movie", "frames as a sequence"),
        ("p.r3d", b"\0\0\0\0RED2" + b"\0" * 40, "a movie", "frames as a sequence"),
        ("p.cr3", box(b"ftyp", b"crx "), "a camera raw image", "Develop"),
        ("p.cr2", b"II\x2a\0\x10\0\0\0CR\2\0" + b"\0" * 40, "a camera raw image", "Develop"),
        ("p.dng", tiff(EIGHT_BITS[..., :3]), "a camera raw image", "Develop"),
        ("p.NEF", tiff(EIGHT_BITS[..., :3]), "a camera raw image", "Develop"),
        ("cfa.tif", tiff(EIGHT_BITS[..., :3], photometric=32803), "camera raw colours", "Convert"),
        ("lab.tif", tiff(EIGHT_BITS[..., :3], photometric=8), "CIELAB colours", "Convert"),
        ("icclab.tif", tiff(EIGHT_BITS[..., :3], photometric=9), "PhotometricInterpretation=9", "Convert it to RGB"),
        ("logluv.tif", tiff(EIGHT_BITS[..., :3], photometric=32845), "LogLuv", "Convert it to RGB"),
        ("cb.dpx", as_chroma(dpx(TEN_BITS)), "a DPX with CbYCrY samples", "Convert"),
        ("p.hdr", b"#?RADIANCE\nFORMAT=32-bit_rle_xyze\n\n-Y 1 +X 1\n\1\1\1\x80", "Radiance image in XYZ", "ra_xyze"),
        ("p.exr", b"%PDF-1.7" + b"\0" * 40, "cannot be opened as an image", "EXR, PNG"),
        ("p.svg", b"<?xml version='1.0'?><svg/>", "cannot be opened as an image", "EXR, PNG"),
        ("p.exr", b"version https://git-lfs.github.com/spec/v1\n", "cannot be opened as an image", "again"),
    ],
)
def test_unsupported_formats_are_named(tmp_path, name, raw, what, fix):
    """Movies, camera raw and others are distinguished from damaged files, with a fix."""
    path = tmp_path / name
    path.write_bytes(raw)
    for read in (read_header, read_headers, read_image):
        with pytest.raises(PlateError, match=f"^frame 7: .*{what}") as caught:
            read(path, where="frame 7")
        assert fix in caught.value.fix


@pytest.mark.parametrize("names", [("BY", "RY", "Y"), ("B", "G", "R")])
def test_luminance_chroma_is_named(tmp_path, names):
    """The error names channels of different sizes as such."""
    sampling = (2, 2, 1) if names[-1] == "Y" else (2, 2, 2)
    path = tmp_path / "p.exr"
    path.write_bytes(exr(HALVES, channels=names, sampling=sampling))
    with pytest.raises(PlateError, match="luminance/chroma image") as caught:
        read_image(path)
    assert caught.value.fix == "Write it as RGB"


def test_special_files_are_refused_without_blocking(tmp_path, monkeypatch):
    """A pipe without a writer, a socket, a device and a folder are rejected before they are opened."""
    os.mkfifo(tmp_path / "pipe.exr")
    (tmp_path / "folder.exr").mkdir()
    (tmp_path / "device.exr").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as server:
        monkeypatch.chdir(tmp_path)  # a socket's path must be short
        server.bind("socket.exr")
        for name, what in {"pipe": "a pipe", "folder": "a folder", "device": "a device", "socket": "a socket"}.items():
            path = tmp_path / f"{name}.exr"
            with pytest.raises(KeyframeError, match=f"this is {what}") as caught:
                read_header(path, error=KeyframeError)
            assert caught.value.where == str(path)
            assert caught.value.fix


def test_broken_links(tmp_path):
    """The error shows the target of the link."""
    path = tmp_path / "p.exr"
    path.symlink_to("/nowhere/p.exr")
    with pytest.raises(PlateError, match=r"link to a file that no longer exists \(/nowhere/p\.exr\)"):
        read_image(path)


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read every file")
def test_files_without_permission(tmp_path):
    """The error has the system's reason."""
    path = tmp_path / "p.exr"
    path.write_bytes(exr(HALVES))
    path.chmod(0)
    with pytest.raises(PlateError, match="Permission denied"):
        read_image(path)


def test_a_file_that_changes_while_it_is_read_is_an_error(tmp_path, monkeypatch):
    """The pixels could be of two versions."""
    path = tmp_path / "p.png"
    path.write_bytes(png(EIGHT_BITS))
    read = images._pixels

    def slow(*arguments):
        pixels = read(*arguments)
        path.write_bytes(png(EIGHT_BITS[:3]))
        return pixels

    monkeypatch.setattr(images, "_pixels", slow)
    with pytest.raises(PlateError, match="changed while it was read") as caught:
        read_image(path)
    assert caught.value.fix == opening.RENDER_AGAIN


def test_a_name_that_is_not_utf8_is_refused(tmp_path):
    """OpenImageIO cannot open such a file; the error shows the escaped bytes."""
    path = tmp_path / os.fsdecode(b"caf\xe9.exr")
    path.write_bytes(exr(HALVES))
    with pytest.raises(PlateError, match="name is not UTF-8") as caught:
        read_image(path)
    assert r"caf\xe9.exr" in str(caught.value)
    str(caught.value).encode()


def test_a_name_of_the_other_normal_form_is_found(tmp_path):
    """A file stored by macOS is found by the name that a keyboard types."""
    (tmp_path / "cafe\u0301.png").write_bytes(png(EIGHT_BITS))
    assert read_image(tmp_path / "caf\u00e9.png").pixels.shape == EIGHT_BITS.shape
