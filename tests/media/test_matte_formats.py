"""All image formats as keyframes, in files from other programs or the specification."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from keyframe_files import DISPLAY, read, refusal, same, save
from picture_files import write
from PIL import Image as Pillow
from raw_pictures import cineon
from tiff_bytes import ASSOCIATED, CMYK, GREY, RGB, UNASSOCIATED, UNSPECIFIED, WHITE_IS_ZERO, write_tiff

from stcn_plugin.media.formats import PICTURES

SOFT = np.repeat(np.linspace(0, 255, 20).astype(np.uint8)[np.newaxis], 12, axis=0)
HARD = np.where(SOFT > 100, np.uint8(255), np.uint8(0))
FLAT = np.full((12, 20, 3), 200, np.uint8)


def pillow(path: Path) -> np.ndarray:
    save(path, SOFT)
    return np.asarray(Pillow.open(path).convert("L")) / 255


def by_oiio(path: Path, channels: int, depth: str) -> np.ndarray:
    write(path, np.repeat((SOFT / 255).astype(np.float32)[..., np.newaxis], channels, -1), depth)
    return SOFT / 255


def cineon_ramp(path: Path) -> np.ndarray:
    levels = np.repeat(np.linspace(0, 1023, 20).astype(np.uint16)[np.newaxis], 12, axis=0)
    path.write_bytes(cineon(np.dstack([levels] * 3)))
    return levels / 1023


WRITERS: dict[str, Callable[[Path], np.ndarray]] = {
    ".exr": lambda path: by_oiio(path, 3, "half"),
    ".png": pillow,
    ".jpg": pillow,
    ".jpeg": pillow,
    ".tif": pillow,
    ".tiff": pillow,
    ".dpx": lambda path: by_oiio(path, 1, "uint16"),
    ".cin": cineon_ramp,
    ".tga": pillow,
    ".hdr": lambda path: by_oiio(path, 3, "float"),
    ".webp": pillow,
    ".bmp": pillow,
}


@pytest.mark.parametrize("suffix", sorted(PICTURES))
def test_every_format_that_plates_may_have_is_a_keyframe(tmp_path, suffix):
    """A soft grey ramp equals the written values, or those of another reader."""
    path = tmp_path / f"k{suffix}"
    expected = WRITERS[suffix](path)
    found = read(path)
    assert list(found) == ["matte"]
    np.testing.assert_allclose(found["matte"], expected, atol=4e-3)


@pytest.mark.parametrize(("channels", "depth"), [(1, "uint8"), (3, "uint16"), (4, "uint8")])
def test_dpx_of_any_channels(tmp_path, channels, depth):
    """A single channel is luminance; alpha is the matte if present."""
    path = tmp_path / "k.dpx"
    by_oiio(path, channels, depth)
    np.testing.assert_allclose(read(path)["matte"], SOFT / 255, atol=4e-3)


def test_a_cineon_file_with_a_wrong_user_data_size(tmp_path):
    """OpenImageIO would allocate the gigabytes that the header claims."""
    data = bytearray(cineon(np.zeros((12, 20, 3), np.uint16)))
    for size, is_refused in ((1 << 24, True), (0xFFFFFFFF, False), (0, False)):
        struct.pack_into(">I", data, 16, size)
        path = tmp_path / f"{size}.cin"
        path.write_bytes(data)
        if is_refused:
            assert "less user data than its header says" in refusal(path)
        else:
            assert read(path) == {}  # black: no object is there


# Alpha, wherever a format puts it


@pytest.mark.parametrize("planar", [False, True], ids=["interleaved", "planar"])
@pytest.mark.parametrize("extra", [UNSPECIFIED, ASSOCIATED, UNASSOCIATED])
def test_the_fourth_sample_of_a_tiff_is_alpha(tmp_path, extra, planar):
    """With or without a declared meaning, and whatever the colours are."""
    path = write_tiff(tmp_path / "k.tif", np.dstack([FLAT, SOFT]), RGB, extra=[extra], planar=planar)
    same(read(path), {"matte": (SOFT / 255).astype(np.float32)})
    same(read(path, selector="A"), {"matte": (SOFT / 255).astype(np.float32)})


@pytest.mark.parametrize("extra", [UNSPECIFIED, ASSOCIATED, UNASSOCIATED])
def test_the_second_sample_of_a_grey_tiff_is_alpha(tmp_path, extra):
    """Two samples are grey and alpha."""
    path = write_tiff(tmp_path / "k.tif", np.dstack([FLAT[..., 0], SOFT]), GREY, extra=[extra])
    same(read(path), {"matte": (SOFT / 255).astype(np.float32)})


def test_a_tiff_with_several_unspecified_samples_is_refused(tmp_path):
    """Either may be the matte; the user can choose one."""
    pixels = np.dstack([np.random.default_rng(0).integers(0, 255, (12, 20, 3), np.uint8), SOFT, HARD])
    path = write_tiff(tmp_path / "k.tif", pixels, RGB, extra=[UNSPECIFIED, UNSPECIFIED])
    assert "k.tif:" in refusal(path)
    same(read(path, selector="channel4"), {"matte": (HARD / 255).astype(np.float32)})


def test_cmyk_tiff(tmp_path):
    """No ink is white."""
    none = np.zeros_like(SOFT)
    path = write_tiff(tmp_path / "k.tif", np.dstack([none, none, none, 255 - SOFT]), CMYK)
    np.testing.assert_allclose(read(path)["matte"], SOFT / 255, atol=2e-2)


@pytest.mark.parametrize("bits", [1, 8])
def test_white_is_zero_is_not_inverted(tmp_path, bits):
    """TIFF files of fax machines and microscopes."""
    stored = (HARD == 0).astype(np.uint8) if bits == 1 else 255 - SOFT
    path = write_tiff(tmp_path / "k.tif", stored, WHITE_IS_ZERO, bits=bits if bits == 1 else None)
    same(read(path), {"matte": ((HARD if bits == 1 else SOFT) / 255).astype(np.float32)})


def test_white_is_zero_in_16_bits_is_refused(tmp_path):
    """OpenImageIO does not invert it, so the matte would be negative."""
    path = write_tiff(tmp_path / "k.tif", 65535 - SOFT.astype(np.uint16) * 257, WHITE_IS_ZERO)
    assert "stores white as 0" in refusal(path)


def test_white_is_zero_with_alpha_is_refused(tmp_path):
    """OpenImageIO also inverts the alpha."""
    path = write_tiff(tmp_path / "k.tif", np.dstack([255 - SOFT, SOFT]), WHITE_IS_ZERO, extra=[UNASSOCIATED])
    assert "stores white as 0 with alpha" in refusal(path)


def targa(path: Path, bgra: np.ndarray, attribute_bits: int) -> Path:
    """Write an uncompressed 32-bit TGA."""
    height, width = bgra.shape[:2]
    head = struct.pack("<3B2HB4H2B", 0, 0, 2, 0, 0, 0, 0, 0, width, height, 32, attribute_bits | 32)
    path.write_bytes(head + bgra.tobytes())
    return path


def bitmap(path: Path, bgra: np.ndarray) -> Path:
    """Write a 32-bit BMP without masks, whose fourth byte has no meaning according to the specification."""
    height, width = bgra.shape[:2]
    data = bgra[::-1].tobytes()
    head = b"BM" + struct.pack("<I2HI", 54 + len(data), 0, 0, 54)
    path.write_bytes(head + struct.pack("<I2i2H6I", 40, width, height, 1, 32, 0, len(data), 0, 0, 0, 0) + data)
    return path


@pytest.mark.parametrize("attribute_bits", [0, 8])
def test_targa_alpha(tmp_path, attribute_bits):
    """The alpha is the matte unless it is 0 everywhere; then the colours are."""
    real = targa(tmp_path / "real.tga", np.dstack([FLAT, SOFT]), attribute_bits)
    same(read(real), {"matte": (SOFT / 255).astype(np.float32)})
    bogus = targa(tmp_path / "bogus.tga", np.dstack([SOFT, SOFT, SOFT, SOFT * 0]), attribute_bits)
    same(read(bogus), {"matte": (SOFT / 255).astype(np.float32)})


def test_the_fourth_byte_of_a_bitmap(tmp_path):
    """It is 0 in most files, and alpha in others."""
    bogus = bitmap(tmp_path / "bogus.bmp", np.dstack([SOFT, SOFT, SOFT, SOFT * 0]))
    same(read(bogus), {"matte": (SOFT / 255).astype(np.float32)})
    real = bitmap(tmp_path / "real.bmp", np.dstack([FLAT, SOFT]))
    same(read(real), {"matte": (SOFT / 255).astype(np.float32)})


def test_grey_and_alpha(tmp_path):
    """PNG, TGA and TIFF of two channels."""
    for suffix in ("png", "tga", "tif"):
        path = save(tmp_path / f"k.{suffix}", np.dstack([FLAT[..., 0], SOFT]), "LA")
        same(read(path), {"matte": (SOFT / 255).astype(np.float32)})


def test_lossless_webp_with_alpha(tmp_path):
    """The alpha is exact, independent of the colours."""
    Pillow.fromarray(np.dstack([FLAT, SOFT])).save(tmp_path / "k.webp", lossless=True)
    same(read(tmp_path / "k.webp"), {"matte": (SOFT / 255).astype(np.float32)})


def test_a_transparent_colour_does_not_harden_a_soft_matte(tmp_path):
    """If PNG declares black transparent, a soft grey has a hard alpha: the user chooses."""
    path = tmp_path / "k.png"
    Pillow.fromarray(SOFT).save(path, transparency=0)
    assert "Choose one: k.png:A or k.png:Y" in refusal(path)
    same(read(path, selector="Y"), {"matte": (SOFT / 255).astype(np.float32)})


def test_a_constant_alpha_is_not_the_matte(tmp_path):
    """The grey is read instead."""
    path = save(tmp_path / "k.png", np.dstack([SOFT, SOFT, SOFT, np.full_like(SOFT, 128)]))
    same(read(path), {"matte": (SOFT / 255).astype(np.float32)})


# Several images in one file


@pytest.mark.parametrize("kind", ["tif", "gif", "webp"])
def test_a_file_of_several_pictures_is_refused(tmp_path, kind):
    """Pages and frames may be objects or times, so the keyframe is ambiguous."""
    path = tmp_path / f"k.{kind}"
    frames = [Pillow.fromarray(HARD).convert("RGB"), Pillow.fromarray(255 - HARD).convert("RGB")]
    more = {"lossless": True} if kind == "webp" else {}
    frames[0].save(path, save_all=True, append_images=frames[1:], **more)
    assert "the file holds 2 images" in refusal(path)


def test_a_thumbnail_in_a_tiff_is_ignored(tmp_path):
    """Cameras and raw converters store one after the image."""
    path = write_tiff(tmp_path / "k.tif", [SOFT, SOFT[::4, ::4]], GREY)
    same(read(path), {"matte": (SOFT / 255).astype(np.float32)})


def test_a_photoshop_document_is_refused(tmp_path):
    """Its transparency is not read, so a matte from its colours would be wrong."""
    height, width = DISPLAY.shape
    head = b"8BPS" + struct.pack(">H6xHIIHH", 1, 4, height, width, 8, 3) + struct.pack(">III", 0, 0, 0)
    planes = [FLAT[..., 0], FLAT[..., 1], FLAT[..., 2], SOFT]
    (tmp_path / "k.psd").write_bytes(head + struct.pack(">H", 0) + b"".join(plane.tobytes() for plane in planes))
    assert "Save the matte as PNG, TIFF or EXR" in refusal(tmp_path / "k.psd")
