"""Images encoded to bytes: identical in memory and in the temporary folder, and never incomplete."""

from __future__ import annotations

import errno
import io
import os
import tempfile

import numpy as np
import OpenImageIO as oiio
import pytest
from PIL import Image

from stcn_plugin.media.image_encoding import encode_image

LEVELS = np.arange(40 * 30, dtype=np.uint16).reshape(30, 40, 1) * 50


def grey() -> oiio.ImageSpec:
    return oiio.ImageSpec(40, 30, 1, "uint16")


def refuses(*_: object) -> int:
    raise OSError(errno.EPERM, os.strerror(errno.EPERM))


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("memory", ["has no such files", "forbids them", "has no names for them", "is there"])
def test_systems_without_files_in_memory(monkeypatch, tmp_path, suffix, memory):
    """The temporary folder is used instead, and is empty afterwards."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    if memory == "has no such files":
        monkeypatch.delattr(os, "memfd_create", raising=False)
    elif memory == "forbids them":
        monkeypatch.setattr(os, "memfd_create", refuses, raising=False)
    elif memory == "has no names for them":
        monkeypatch.setattr("stcn_plugin.media.image_encoding._DESCRIPTORS", str(tmp_path / "proc"))
    with Image.open(io.BytesIO(encode_image([(grey(), LEVELS)], suffix))) as picture:
        np.testing.assert_array_equal(np.array(picture), LEVELS[..., 0])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("cut", [1, 12, 13, 300, 1000])
@pytest.mark.parametrize(
    ("suffix", "kind"),
    [(".exr", "zips"), (".exr", "none"), (".exr", "piz"), (".exr", "dwab"), (".png", ""), (".tif", "")],
)
def test_missing_last_bytes_are_detected(monkeypatch, suffix, kind, cut):
    """Even if the writer does not report it, as OpenEXR's for its last buffer."""
    spec = grey() if suffix != ".exr" else oiio.ImageSpec(40, 30, 4, "half")
    rng = np.random.default_rng(0)
    pixels = (
        rng.integers(0, 1 << 16, (30, 40, 1), np.uint16)
        if suffix != ".exr"
        else rng.random((30, 40, 4)).astype(np.float16)
    )
    if kind:
        spec.attribute("compression", kind)
    whole = encode_image([(spec, pixels)], suffix)
    real = oiio.ImageOutput.create

    class Losing:
        def __init__(self, name: str) -> None:
            self.output = real(name)

        def open(self, path: str, *spec: object) -> bool:
            self.path = path
            return self.output.open(path, *spec)

        def close(self) -> bool:
            closed = self.output.close()
            os.truncate(self.path, len(whole) - cut)
            return closed

        def __getattr__(self, name: str):
            return getattr(self.output, name)

    monkeypatch.setattr(oiio.ImageOutput, "create", Losing)
    with pytest.raises(OSError, match="the file could not be completed"):
        encode_image([(spec, pixels)], suffix)


@pytest.mark.parametrize("kind", ["pxr24", "zip", "none"])
@pytest.mark.parametrize("count", [2, 3])
def test_parts_of_an_exr_are_written_in_order(kind, count, tmp_path):
    """Each with its name, size, channels and number format."""
    rng = np.random.default_rng(3)
    parts = []
    for number in range(count):
        channels, spec_format, array_format = (1, "half", np.float16) if number % 2 else (2, "float", np.float32)
        pixels = rng.integers(0, 1025, (30 + number, 40 - number, channels)).astype(array_format) / array_format(1024)
        spec = oiio.ImageSpec(40 - number, 30 + number, channels, spec_format)
        spec.full_width, spec.full_height = 40, 30
        spec.channelnames = [f"object{place}.A" for place in range(channels)]
        spec.attribute("oiio:subimagename", f"part{number}")
        spec.attribute("compression", kind)
        parts.append((spec, pixels))
    path = tmp_path / "parts.exr"
    path.write_bytes(encode_image(parts, ".exr"))
    for number, (spec, pixels) in enumerate(parts):
        image = oiio.ImageBuf(str(path), number, 0)
        assert image.nsubimages == count
        assert image.spec().get_string_attribute("oiio:subimagename") == f"part{number}"
        assert list(image.spec().channelnames) == list(spec.channelnames)
        assert image.spec().format == spec.format
        np.testing.assert_array_equal(image.get_pixels(spec.format), pixels)


def test_a_format_that_cannot_be_written():
    """The error is OpenImageIO's."""
    with pytest.raises(OSError, match="unknown"):
        encode_image([(grey(), LEVELS)], ".unknown")
