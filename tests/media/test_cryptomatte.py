from __future__ import annotations

import json
import struct

import cryptomatte_api
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stcn_plugin.media.cryptomatte import (
    MAX_RANKS,
    decode,
    encode,
    hash_bits,
    hash_id,
    metadata,
    rank_count,
)
from stcn_plugin.media.images import read_image
from stcn_plugin.media.matte_writer import MatteWriter
from stcn_plugin.media.sequences import FrameSequence
from stcn_plugin.media.window import FrameHeader, Window

WINDOW = Window(0, 0, 23, 17)


def mattes_of(*names: str, seed: int = 3) -> dict[str, np.ndarray]:
    """Soft mattes that overlap, sum to at most 1, and leave some pixels empty."""
    values = np.random.default_rng(seed).random((len(names), *WINDOW.shape), np.float32)
    values[values < 0.4] = 0
    values /= np.maximum(1, values.sum(axis=0))
    return dict(zip(names, values, strict=True))


@pytest.mark.parametrize(("name", "expected"), [("hello", "6.0705627e-17"), ("mädchen", "6.2361298e+25")])
def test_ids_are_those_of_the_specification(name, expected):
    """Ids equal the published test vectors."""
    assert f"{hash_id(name):.7e}" == expected


@given(st.text())
def test_ids_are_ordinary_floats(name):
    """No id is zero, denormal, infinite or NaN, which files and hosts would change."""
    identifier = np.float32(hash_id(name))
    assert np.isfinite(identifier)
    assert abs(identifier) >= np.finfo(np.float32).tiny
    assert struct.pack("<f", hash_id(name)) == struct.pack("<I", hash_bits(name))


def test_ranks_hold_the_objects_of_a_pixel_by_coverage():
    """The first rank covers most; unused ranks are 0."""
    mattes = {"a": np.array([[0.2, 0.0]], np.float32), "b": np.array([[0.7, 0.0]], np.float32)}
    ranks = encode(mattes, 6)
    expected = [hash_id("b"), 0.7, hash_id("a"), 0.2] + [0] * 8
    np.testing.assert_array_equal(ranks[0, 0], np.array(expected, np.float32))
    np.testing.assert_array_equal(ranks[0, 1], np.zeros(12, np.float32))


@pytest.mark.parametrize("count", [1, 2, 5, 6, 9])
def test_every_object_decodes_to_its_own_matte(count):
    """Encoding is lossless if there is a rank for each object."""
    mattes = mattes_of(*(f"object {index}" for index in range(count)))
    ranks = encode(mattes, rank_count(count))
    for name, matte in mattes.items():
        np.testing.assert_array_equal(decode(ranks, hash_bits(name)), matte)
    assert not decode(ranks, hash_bits("nobody")).any()


@pytest.mark.parametrize(("objects", "ranks"), [(1, 6), (6, 6), (7, 8), (12, 12), (40, MAX_RANKS)])
def test_the_number_of_ranks_follows_the_number_of_objects(objects, ranks):
    """At least six, always even, and limited."""
    assert rank_count(objects) == ranks


def test_objects_beyond_the_ranks_are_dropped():
    """If a pixel has more objects than ranks, those with the least coverage are dropped."""
    mattes = {str(index): np.full((1, 1), 0.1 + 0.01 * index, np.float32) for index in range(8)}
    ranks = encode(mattes, 6)
    kept = [name for name in mattes if decode(ranks, hash_bits(name)).any()]
    assert kept == ["2", "3", "4", "5", "6", "7"]


def test_metadata_follows_the_specification():
    """Keys have seven digits of the hash of the name; the manifest has all names, including non-ASCII ones."""
    names = ["hero", 'say "hi"', "mädchen"]
    written = metadata("CryptoObject", names)
    prefix = "cryptomatte/3ae39a5"
    assert written.keys() == {f"{prefix}/{field}" for field in ("name", "hash", "conversion", "manifest")}
    assert written[f"{prefix}/name"] == "CryptoObject"
    assert json.loads(written[f"{prefix}/manifest"]) == {name: f"{hash_bits(name):08x}" for name in names}


@pytest.mark.parametrize("compression", ["zips", "piz", "none", "dwaa"])
@pytest.mark.parametrize("count", [2, 9])
def test_an_independent_reader_gets_every_matte_exactly(tmp_path, count, compression):
    """Another implementation of Cryptomatte reads our files by name, under every compression."""
    names = ["hero", "left arm", "mädchen", *(f"crowd_{index}" for index in range(6))][:count]
    mattes = mattes_of(*names)
    writer = MatteWriter(
        FrameSequence.parse(tmp_path / "m.####.exr"), objects=names, layout="cryptomatte", compression=compression
    )
    (path,) = writer.write(1001, mattes, window=WINDOW, header=FrameHeader(WINDOW, WINDOW))
    (file,) = cryptomatte_api.Cryptomatte.load(str(path))
    for name, matte in mattes.items():
        np.testing.assert_array_equal(file.mask(name), matte)


def test_a_file_has_manifest_preview_and_the_same_layers_on_every_frame(tmp_path):
    """Frames with fewer objects have the same ranks; RGBA shows the objects; the manifest lists all of them."""
    writer = MatteWriter(FrameSequence.parse(tmp_path / "m.####.exr"), objects=["a", "b"], layout="cryptomatte")
    mattes = mattes_of("a", "b")
    header = FrameHeader(WINDOW, WINDOW)
    (full,) = writer.write(1, mattes, window=WINDOW, header=header)
    (less,) = writer.write(2, {"b": mattes["b"]}, window=WINDOW, header=header)
    images = [read_image(path) for path in (full, less)]
    layers = [f"CryptoObject{layer:02d}.{channel}" for layer in range(3) for channel in "rgba"]
    assert images[0].channels == images[1].channels == tuple("RGBA") + tuple(layers)
    union = np.minimum(mattes["a"] + mattes["b"], 1)
    np.testing.assert_array_equal(images[0].channel("A"), union)
    np.testing.assert_array_equal(images[1].channel("CryptoObject00.g"), mattes["b"])
    manifest = json.loads(images[1].metadata["cryptomatte/3ae39a5/manifest"])
    assert manifest == {name: f"{hash_bits(name):08x}" for name in ("a", "b")}
