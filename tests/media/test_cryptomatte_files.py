"""Cryptomattes as renderers and compositing programs write them: layers, parts, names, manifests and side files."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Mapping
from pathlib import Path

import cryptomatte_api
import mmh3
import numpy as np
import pytest
from keyframe_files import DISPLAY, read, refusal, same
from picture_files import noise, spec_of, write, write_parts

from stcn_plugin.media.keyframes import read_keyframe
from stcn_plugin.media.window import Window

SOFT = noise(12, 20, 1)[..., 0]
MATTES = {"hero": SOFT / 2, "/obj/box:1": (1 - SOFT) / 2, 'a "b" <c>, ä/равнина': SOFT / 8}
LETTERS, CAPITALS, WORDS = tuple("rgba"), tuple("RGBA"), ("red", "green", "blue", "alpha")


def bits(name: str) -> int:
    """Return the id of a name according to the specification."""
    found = mmh3.hash(name, 0, signed=False)
    return found ^ (1 << 23) if found >> 23 & 0xFF in (0, 0xFF) else found


def ranked(mattes: Mapping[str, np.ndarray], ids: Mapping[str, int] | None = None, count: int = 3) -> np.ndarray:
    """The ranks of a Cryptomatte, ``(H, W, 4 * count)``, object by object for each pixel."""
    pixels = np.zeros((12, 20, 4 * count), np.float32)
    whole = pixels.view(np.uint32)
    for row in range(12):
        for column in range(20):
            order = sorted(mattes, key=lambda name: -mattes[name][row, column])
            for rank, name in enumerate(order[: 2 * count]):
                whole[row, column, 2 * rank] = (ids or {}).get(name, bits(name))
                pixels[row, column, 2 * rank + 1] = mattes[name][row, column]
    return pixels


def described(name: str, manifest: str | None = None, prefix: str = "cryptomatte", **more: str) -> dict[str, str]:
    """The metadata of a Cryptomatte, with an embedded manifest unless another text is given."""
    key = f"{prefix}/{bits(name):08x}"[: len(prefix) + 8]
    inside = json.dumps({each: f"{bits(each):08x}" for each in MATTES}) if manifest is None else manifest
    fields = {"name": name, "hash": "MurmurHash3_32", "conversion": "uint32_to_float32", "manifest": inside, **more}
    return {f"{key}/{field}": value for field, value in fields.items() if value}


def layered(
    path: Path,
    name: str = "CryptoObject",
    *,
    stored: str | None = None,
    letters=LETTERS,
    pixels: np.ndarray | None = None,
    depth: str = "float",
    attributes: Mapping[str, str] | None = None,
    preview: bool = False,
    beauty: bool = True,
) -> Path:
    """Write one part: beauty, preview and the ranks in layers ``<stored>00``..."""
    planes = ranked(MATTES) if pixels is None else pixels
    channels = [f"{stored or name}{index // 4:02d}.{letters[index % 4]}" for index in range(planes.shape[-1])]
    if preview:
        channels, planes = (
            [f"{stored or name}.{each}" for each in letters] + channels,
            np.dstack([noise(12, 20, 4), planes]),
        )
    if beauty:
        channels, planes = [*"RGBA", *channels], np.dstack([noise(12, 20, 4), planes])
    return write(path, planes, depth, channels, attributes=described(name) if attributes is None else attributes)


def in_parts(
    path: Path,
    name: str = "CryptoObject",
    *,
    names=None,
    letters=CAPITALS,
    bare=True,
    parts_with_metadata=(0, 1, 2, 3),
    order=(0, 1, 2, 3),
) -> Path:
    """Write a beauty and three parts with four channels each; ``parts_with_metadata`` lists those with the metadata."""
    planes = [noise(12, 20, 4), *np.split(ranked(MATTES), 3, axis=-1)]
    titles = names or ["rgba", *(f"{name}{index:02d}" for index in range(3))]
    parts = []
    for index, (title, plane) in enumerate(zip(titles, planes, strict=True)):
        channels = list(letters) if bare or not index else [f"{title}.{each}" for each in letters]
        attributes = {
            **({"oiio:subimagename": title} if title else {}),
            **(described(name) if index in parts_with_metadata else {}),
        }
        parts.append((spec_of(plane, "float", channels, attributes=attributes), plane))
    return write_parts(path, [parts[index] for index in order])


def holds_all(path: Path) -> None:
    """Check that every object is found by name, with exact values."""
    wanted = {f"object {index}": name for index, name in enumerate(MATTES)}
    same(read(path, objects=wanted), {key: MATTES[name] for key, name in wanted.items()})


# Layers


@pytest.mark.parametrize("letters", [LETTERS, CAPITALS, WORDS])
@pytest.mark.parametrize("name", ["CryptoObject", "crypto_asset", "uCryptoMaterial", "VRayCryptomatte", "Crypto2"])
def test_the_layers_of_renderers(tmp_path, name, letters):
    """Blender writes .r, Arnold and V-Ray .R, Nuke .red; the preview is optional and has no ids."""
    path = layered(tmp_path / "k.exr", name, letters=letters, preview=True)
    holds_all(path)
    if letters is not WORDS:
        (theirs,) = cryptomatte_api.Cryptomatte.load(str(path))
        np.testing.assert_array_equal(theirs.mask("hero"), read(path, selector="hero")["hero"])


@pytest.mark.parametrize(
    ("parts_with_metadata", "stored"),
    [
        ("ViewLayer.CryptoObject", "ViewLayer.CryptoObject"),
        ("ViewLayer.CryptoObject", "ViewLayer_CryptoObject"),  # read and written by Nuke
        ("View Layer.CryptoObject", "View_Layer_CryptoObject"),
        ("ViewLayer.CryptoObject", "CryptoObject"),  # the layer's name left away
        ("CryptoObject", "ViewLayer.CryptoObject"),  # or put before it
        ("CryptoObject", "cryptoobject"),
        ("CryptoObject", "matte layer"),  # found by its ids
    ],
)
def test_layers_that_a_host_has_renamed(tmp_path, parts_with_metadata, stored):
    """The metadata still has the name from the renderer."""
    holds_all(layered(tmp_path / "k.exr", parts_with_metadata, stored=stored, letters=WORDS))


def test_renamed_layers_without_a_manifest_are_refused(tmp_path):
    """They cannot be identified; the error lists the layers in the file."""
    path = layered(tmp_path / "k.exr", stored="other", attributes=described("CryptoObject", ""))
    assert "'CryptoObject', but the file has no channels" in (text := refusal(path, selector="hero"))
    assert "it has other00, other01, other02" in text


@pytest.mark.parametrize("prefix", ["exr/cryptomatte", "nuke/exr/cryptomatte", "Cryptomatte"])
def test_metadata_that_a_host_has_moved(tmp_path, prefix):
    """Nuke shows metadata under exr/, and may write it there."""
    holds_all(layered(tmp_path / "k.exr", attributes=described("CryptoObject", prefix=prefix)))


def test_a_host_that_drops_the_metadata(tmp_path):
    """Objects are found by the hash of their name if the layers have the name of a Cryptomatte."""
    path = layered(tmp_path / "k.exr", attributes={})
    holds_all(path)
    assert "no manifest" in refusal(path)
    assert "there is no object 'nobody' in this frame" in refusal(path, selector="nobody")


def test_a_cropped_cryptomatte_keeps_its_place(tmp_path):
    """The data window may be smaller than the format."""
    pixels = ranked(MATTES)[2:9, 3:17]
    channels = [f"CryptoObject{index // 4:02d}.{LETTERS[index % 4]}" for index in range(12)]
    path = tmp_path / "k.exr"
    write(path, pixels, "float", channels, data=(3, 2), display=DISPLAY, attributes=described("CryptoObject"))
    expected = np.zeros((12, 20), np.float32)
    expected[2:9, 3:17] = MATTES["hero"][2:9, 3:17]
    same(read(path, selector="hero"), {"hero": expected})


# Parts


@pytest.mark.parametrize("letters", [LETTERS, CAPITALS, WORDS])
@pytest.mark.parametrize("bare", [True, False], ids=["bare channels", "layer.channel"])
@pytest.mark.parametrize("parts_with_metadata", [(0,), (1,), (3,), (0, 1, 2, 3), (1, 2, 3)])
def test_parts(tmp_path, letters, bare, parts_with_metadata):
    """The name of the part counts if channels have no layer; any part may have the metadata."""
    holds_all(in_parts(tmp_path / "k.exr", letters=letters, bare=bare, parts_with_metadata=parts_with_metadata))


def test_parts_in_any_order_and_without_a_beauty(tmp_path):
    """Ranks are in the order of the numbers in their names."""
    holds_all(in_parts(tmp_path / "a.exr", order=(3, 1, 0, 2)))
    holds_all(in_parts(tmp_path / "b.exr", order=(1, 2, 3)))
    holds_all(in_parts(tmp_path / "c.exr", order=(3, 2, 1)))


@pytest.mark.parametrize(
    "names", [["", "", "", ""], ["part0", "part1", "part2", "part3"], ["rgba", "Crypto A", "Crypto B", "Crypto C"]]
)
def test_parts_with_unrelated_names(tmp_path, names):
    """They are found by their ids, in the order of the file."""
    holds_all(in_parts(tmp_path / "k.exr", names=names))


@pytest.mark.parametrize("dropped", ["00", "01"])
def test_missing_layers_are_a_warning(tmp_path, dropped):
    """A file with only some of the layers may lack coverage."""
    names = [f"CryptoObject{number}" for number in ("00", "01", "02") if number != dropped]
    channels = [f"{name}.{letter}" for name in names for letter in LETTERS]
    path = write(tmp_path / "k.exr", ranked(MATTES)[..., :8], "float", channels, attributes=described("CryptoObject"))
    (warning,) = read_keyframe(path, frame=1001, window=DISPLAY, display=DISPLAY, selector="hero").warnings
    assert f"the Cryptomatte has no CryptoObject{dropped}, and its mattes may lack coverage" in warning
    whole = layered(tmp_path / "whole.exr")
    assert read_keyframe(whole, frame=1001, window=DISPLAY, display=DISPLAY, selector="hero").warnings == ()


def test_parts_of_different_windows_are_refused(tmp_path):
    """Ranks of one pixel would be at different positions."""
    planes = np.split(ranked(MATTES), 3, axis=-1)
    parts = []
    for index, plane in enumerate(planes):
        plane = np.ascontiguousarray(plane[:-1] if index else plane)
        attributes = {"oiio:subimagename": f"CryptoObject{index:02d}", **described("CryptoObject")}
        parts.append((spec_of(plane, "float", CAPITALS, display=DISPLAY, attributes=attributes), plane))
    assert "different data windows" in refusal(write_parts(tmp_path / "k.exr", parts), selector="hero")


# Ids and names


def test_objects_by_their_ids(tmp_path):
    """Hosts refer to an unnamed object by eight digits, or by the float that Nuke shows."""
    value = struct.unpack("<f", struct.pack("<I", bits("hero")))[0]
    for attributes in (None, described("CryptoObject", ""), {}):
        path = layered(tmp_path / "k.exr", attributes=attributes)
        for name in (f"<{bits('hero'):08x}>", f"<{value:.12g}>"):
            same(read(path, objects={"hero": name}), {"hero": MATTES["hero"]})
    assert "there is no object '<00000001>'" in refusal(path, selector="<00000001>")


def unusual(exponent: int) -> str:
    """A name whose hash is not an ordinary float."""
    return next(
        name for index in range(10**6) if mmh3.hash(name := f"n{index}", 0, signed=False) >> 23 & 0xFF == exponent
    )


@pytest.mark.parametrize("exponent", [0, 255])
@pytest.mark.parametrize("in_pixels", [False, True], ids=["adjusted pixels", "raw pixels"])
@pytest.mark.parametrize("in_manifest", [False, True, None], ids=["adjusted manifest", "raw manifest", "no manifest"])
def test_ids_that_are_not_ordinary_floats(tmp_path, exponent, in_pixels, in_manifest):
    """Programs differ in whether they change a hash that is denormal, infinite or NaN as a float."""
    name = unusual(exponent)
    raw = mmh3.hash(name, 0, signed=False)
    pixels = ranked({name: SOFT}, {name: raw if in_pixels else bits(name)})
    manifest = "" if in_manifest is None else json.dumps({name: f"{raw if in_manifest else bits(name):08x}"})
    path = layered(tmp_path / "k.exr", pixels=pixels, attributes=described("CryptoObject", manifest))
    same(read(path, selector=name), {name: SOFT})


def test_the_manifest_overrides_the_hash(tmp_path):
    """Ids in a manifest may be any numbers."""
    path = layered(
        tmp_path / "k.exr",
        pixels=ranked({"hero": SOFT}, {"hero": 0x40490FDB}),
        attributes=described("CryptoObject", '{"hero": "40490fdb"}', hash="sha1"),
    )
    same(read(path, selector="hero"), {"hero": SOFT})


@pytest.mark.parametrize("text", ["{", "[1, 2]", "null", "[" * 100_000, '{"hero": 3, "x": "zz", "y": "123456789"}'])
def test_an_invalid_manifest(tmp_path, text):
    """Objects are still found by their hash, but not listed."""
    path = layered(tmp_path / "k.exr", attributes=described("CryptoObject", text))
    same(read(path, selector="hero"), {"hero": MATTES["hero"]})
    assert "no manifest" in refusal(path)


def two_cryptomattes(path: Path, second: Mapping[str, np.ndarray]) -> Path:
    names = [
        f"{name}{index // 4:02d}.{LETTERS[index % 4]}"
        for name in ("CryptoAsset", "CryptoObject")
        for index in range(12)
    ]
    attributes = described("CryptoAsset") | described("CryptoObject")
    return write(path, np.dstack([ranked(MATTES), ranked(second)]), "float", names, attributes=attributes)


def test_an_object_of_several_cryptomattes(tmp_path):
    """If they differ, the name of the Cryptomatte is put before that of the object."""
    same(read(two_cryptomattes(tmp_path / "a.exr", MATTES), selector="hero"), {"hero": MATTES["hero"]})
    path = two_cryptomattes(tmp_path / "b.exr", {"hero": SOFT / 4})
    assert "Choose one, such as b.exr:CryptoAsset:hero" in refusal(path, selector="hero")
    same(read(path, objects={"hero": "CryptoAsset:hero"}), {"hero": MATTES["hero"]})
    same(read(path, objects={"hero": "CryptoObject:hero"}), {"hero": SOFT / 4})
    same(read(path, selector="/obj/box:1"), {"/obj/box:1": MATTES["/obj/box:1"]})


def test_damaged_ids_are_refused(tmp_path):
    """Half floats cannot hold ids, and other conversions are unknown."""
    half = layered(
        tmp_path / "h.exr", depth="half", pixels=np.nan_to_num(ranked(MATTES), posinf=1, neginf=1).clip(-9, 9)
    )
    assert "is stored as half, which destroys its ids" in refusal(half, selector="hero")
    odd = layered(tmp_path / "c.exr", attributes=described("CryptoObject", conversion="uint32_to_half"))
    assert "unknown conversion 'uint32_to_half'" in refusal(odd, selector="hero")


def test_a_manifest_of_a_hundred_thousand_names(tmp_path):
    """An unknown name gets a suggestion without a comparison to all names."""
    manifest = json.dumps(
        {f"crowd_{index:06d}": f"{index + 1:08x}" for index in range(100_000)} | {"hero": f"{bits('hero'):08x}"}
    )
    path = layered(tmp_path / "k.exr", attributes=described("CryptoObject", manifest))
    same(read(path, selector="hero"), {"hero": MATTES["hero"]})
    assert "It has: hero, crowd_" in refusal(path, selector="heroo")


def test_metadata_of_too_many_cryptomattes_are_refused(tmp_path):
    """Each would be searched for in all layers."""
    attributes = {f"cryptomatte/{index:07x}/name": f"Crypto{index}" for index in range(500)}
    assert "describes 500 Cryptomattes" in refusal(layered(tmp_path / "k.exr", attributes=attributes), selector="x")


# Side files


def beside(folder: Path, name: str) -> Path:
    return layered(folder / "k.exr", attributes=described("CryptoObject", "", manif_file=name))


def test_a_side_file_gives_the_names(tmp_path):
    """It may be in the image's folder or below it, with or without a byte-order mark."""
    manifest = json.dumps({name: f"{bits(name):08x}" for name in MATTES}, ensure_ascii=False)
    (tmp_path / "names").mkdir()
    (tmp_path / "names" / "k.json").write_text(manifest, encoding="utf-8")
    (tmp_path / "bom.json").write_text(manifest, encoding="utf-8-sig")
    for name in ("names/k.json", "bom.json"):
        path = beside(tmp_path, name)
        holds_all(path)
        assert "It has: /obj/box:1" in refusal(path)


def test_a_missing_side_file(tmp_path):
    """Renders may be moved without it; objects are found by their hash."""
    holds_all(beside(tmp_path, "gone.json"))


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("/dev/zero", "outside the folder"),
        ("/etc/hostname", "outside the folder"),
        ("../k.json", "outside the folder"),
        ("names/../../k.json", "outside the folder"),
        ("C:\\names.json", "outside the folder"),
        ("..\\names.json", "outside the folder"),
        ("\\\\server\\share\\names.json", "outside the folder"),
        ("pipe", "is a pipe"),
        ("device", "is a device"),
        ("folder", "is a folder"),
        ("huge", "is larger than 64 MB"),
        ("deep", "is nested too deeply"),
        ("list", "does not map names to ids"),
        ("text", "not valid JSON"),
        ("latin", "not UTF-8"),
        ("loop", "cannot be read"),
        ("x" * 4000, "cannot be read"),
    ],
)
def test_unsafe_side_files_are_refused(tmp_path, name, reason):
    """An image can name any file; only regular files in its folder are read, up to a limit."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "device").symlink_to("/dev/zero")
    (tmp_path / "folder").mkdir()
    with (tmp_path / "huge").open("wb") as file:
        file.truncate((64 << 20) + 1)
    (tmp_path / "deep").write_text('{"a":' * 50_000)
    (tmp_path / "list").write_text("[1, 2]")
    (tmp_path / "text").write_text("hero = 1")
    (tmp_path / "latin").write_bytes('{"hä": "00000001"}'.encode("latin-1"))
    (tmp_path / "loop").symlink_to("loop")
    text = refusal(beside(tmp_path, name), selector="hero")
    assert reason in text
    assert f"side file '{name[:77]}" in text


def test_a_side_file_is_only_read_when_needed(tmp_path):
    """The alpha of the beauty does not need it."""
    path = beside(tmp_path, "/dev/zero")
    same(read(path, selector="A"), {"matte": noise(12, 20, 4)[..., 3]})
    assert read(path, selector="A", window=Window(0, 0, 20, 12))
