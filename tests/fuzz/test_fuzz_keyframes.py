"""Random keyframe images: a valid one gives its own matte or an error, a damaged one an error."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from fuzz.hammer import hammer
from media.picture_files import spec_of, write, write_parts
from media.tiff_bytes import GREY, RGB, WHITE_IS_ZERO, write_tiff
from PIL import Image as Pillow
from raw_pictures import cineon

from stcn_plugin.errors import STCNError
from stcn_plugin.evaluation.matte_file import object_names, read_objects
from stcn_plugin.media.cryptomatte import channel_names, encode, hash_bits, key_of, metadata
from stcn_plugin.media.keyframes import read_keyframe
from stcn_plugin.media.window import Window

pytestmark = pytest.mark.slow

H, W = 40, 56
WINDOW = Window(0, 0, W, H)
Rng = np.random.Generator
Mattes = dict[str, np.ndarray]


def shape(rng: Rng) -> np.ndarray:
    """A block or a disc of some size."""
    y, x = np.mgrid[:H, :W]
    cy, cx, size = rng.integers(8, H - 8), rng.integers(8, W - 8), rng.integers(4, 14)
    if rng.random() < 0.5:
        return (abs(y - cy) < size) & (abs(x - cx) < size)
    return (y - cy) ** 2 + (x - cx) ** 2 < size**2


def soft(rng: Rng) -> np.ndarray:
    """A matte with anti-aliased or blurred edges, rarely of one flat value."""
    from scipy import ndimage

    matte = ndimage.gaussian_filter(shape(rng).astype(np.float64), rng.uniform(0.3, 4))
    return (matte / max(matte.max(), 0.1)).clip(0, 1)


def labels(rng: Rng, numbers: int) -> np.ndarray:
    """A label image: flat areas of a few numbers."""
    picture = np.zeros((H, W), np.int64)
    for number in rng.choice(np.arange(1, numbers + 1), rng.integers(1, 5), replace=False):
        picture[shape(rng)] = number
    return picture


def by_number(picture: np.ndarray, void: int = -1) -> Mattes:
    return {str(each): picture == each for each in np.unique(picture) if each not in (0, void)}


# Valid files: what they are, and what has to come back


def soft_grey(rng: Rng, folder: Path) -> tuple[Path, Mattes]:
    dtype = [np.uint8, np.uint16][rng.integers(2)]
    values = np.rint(soft(rng) * np.iinfo(dtype).max).astype(dtype)
    suffix = ["png", "tif", "tga", "bmp"][rng.integers(4)] if dtype == np.uint8 else ["png", "tif"][rng.integers(2)]
    path = folder / f"k.{suffix}"
    channels = 3 if rng.random() < 0.3 or suffix == "bmp" else 1
    write(path, np.repeat(values[..., None], channels, -1), dtype.__name__)
    return path, {"matte": values / np.iinfo(dtype).max}


def with_alpha(rng: Rng, folder: Path) -> tuple[Path, Mattes]:
    alpha = np.rint((soft(rng) if rng.random() < 0.7 else shape(rng)) * 255).astype(np.uint8)
    kind = rng.integers(4)
    ground = rng.integers(0, 256, (H, W, 3), np.uint8) if kind < 2 else np.full((H, W, 3), rng.integers(256), np.uint8)
    picture = np.dstack([ground, alpha])
    choice = rng.integers(4)
    if choice == 0:
        Pillow.fromarray(picture).save(path := folder / "k.png")
    elif choice == 1:
        Pillow.fromarray(picture).save(path := folder / "k.webp", lossless=True, exact=True)
    elif choice == 2:
        Pillow.fromarray(picture).save(path := folder / "k.tga")
    else:
        path = write_tiff(folder / "k.tif", picture, RGB, extra=[int(rng.integers(3))], planar=bool(rng.integers(2)))
    return path, {"matte": alpha / 255}


def label_picture(rng: Rng, folder: Path) -> tuple[Path, Mattes]:
    dtype = [np.uint8, np.uint16, np.int16, np.uint32][rng.integers(4)]
    picture = labels(rng, int(rng.integers(4, 200)))
    if dtype in (np.uint8, np.uint16) and rng.random() < 0.5:
        Pillow.fromarray(picture.astype(dtype)).save(path := folder / "k.png")
    else:
        path = write_tiff(folder / "k.tif", picture.astype(dtype), GREY)
    return path, by_number(picture)


def palette_labels(rng: Rng, folder: Path) -> tuple[Path, Mattes]:
    picture = labels(rng, int(rng.integers(4, 254)))
    void = rng.random() < 0.3
    if void:
        picture[:2] = 255
    colours = rng.integers(0, 256, (256, 3))
    colours[0] = 0
    image = Pillow.fromarray(picture.astype(np.uint8), "P")
    image.putpalette(colours.astype(np.uint8).ravel().tolist())
    image.save(path := folder / f"k.{['png', 'gif', 'bmp', 'tga', 'tif'][rng.integers(5)]}", optimize=False)
    return path, by_number(picture, 255)


def palette_greys(rng: Rng, folder: Path) -> tuple[Path, Mattes]:
    """A matte whose greys are palette indices in a program's own order."""
    hard = rng.random() < 0.5
    values = (shape(rng) * 255).astype(np.uint8) if hard else np.rint(soft(rng) * 255).astype(np.uint8)
    levels = rng.permutation(np.unique(values))
    indices = np.argsort(levels)[np.searchsorted(np.sort(levels), values)].astype(np.uint8)
    image = Pillow.fromarray(indices, "P")
    image.putpalette(np.repeat(levels[:, None], 3, 1).astype(np.uint8).ravel().tolist())
    image.save(path := folder / f"k.{['png', 'gif', 'bmp', 'tga', 'tif'][rng.integers(5)]}", optimize=False)
    return path, {"matte": values / 255}


def white_is_zero(rng: Rng, folder: Path) -> tuple[Path, Mattes]:
    dtype = [np.uint8, np.uint16][rng.integers(2)]
    values = np.rint(soft(rng) * np.iinfo(dtype).max).astype(dtype)
    path = write_tiff(folder / "k.tif", np.iinfo(dtype).max - values, WHITE_IS_ZERO)
    return path, {"matte": values / np.iinfo(dtype).max}


def layers(rng: Rng, folder: Path) -> tuple[Path, Mattes]:
    names = [["hero", "bg.two", "1", "längst"][index] for index in rng.permutation(4)[: rng.integers(1, 4)]]
    mattes = {name: soft(rng).astype(np.float32) for name in names}
    channel = ["A", "alpha", "a", "Y", "V", "red", "R"][rng.integers(7)]
    planes = {f"{name}.{channel}": matte for name, matte in mattes.items()}
    if rng.random() < 0.5:
        main = rng.random((H, W)).astype(np.float32)
        planes |= dict.fromkeys([["R", "G", "B", "A"], ["rgba.R", "rgba.G", "rgba.B", "rgba.A"]][rng.integers(2)], main)
    stack = np.stack([planes[name] for name in planes], -1)
    return write(folder / "k.exr", stack, "float", tuple(planes)), mattes


def parts(rng: Rng, folder: Path) -> tuple[Path, Mattes]:
    mattes = {name: soft(rng).astype(np.float32) for name in ("hero", "bg")}
    main = rng.random((H, W, 4)).astype(np.float32)
    files = [(spec_of(main, "float", "RGBA", attributes={"oiio:subimagename": "rgba"}), main)]
    channel = ["A", "alpha", "red"][rng.integers(3)]
    files += [
        (spec_of(m[..., None], "float", [channel], attributes={"oiio:subimagename": name}), m[..., None])
        for name, m in mattes.items()
    ]
    order = rng.permutation(3)
    return write_parts(folder / "k.exr", [files[index] for index in order]), mattes


def float_scale(rng: Rng, folder: Path) -> tuple[Path, Mattes]:
    scale = [1, 1, 100, 255, 1023, 65535][rng.integers(6)]
    matte = soft(rng)
    path = folder / ["k.exr", "k.tif"][rng.integers(2)]
    write(path, (matte * scale).astype(np.float32)[..., None], "float", "A" if path.suffix == ".exr" else "Y")
    return path, {"matte": matte}


def float_labels(rng: Rng, folder: Path) -> tuple[Path, Mattes]:
    picture = labels(rng, 9)
    path = folder / ["k.exr", "k.tif"][rng.integers(2)]
    write(path, picture.astype(np.float32)[..., None], "float", ["A", "Y", "Z"][rng.integers(3)])
    return path, {"matte": picture} if picture.max() == 1 else by_number(picture)


def cryptomatte(rng: Rng, folder: Path) -> tuple[Path, Mattes]:
    """A Cryptomatte with the layer and channel names of some program; objects are selected by name."""
    names = ["hero", "/obj/box:1", 'a "b"', "häre", "<x>"]
    mattes = {name: soft(rng).astype(np.float32) for name in names[: rng.integers(1, 6)]}
    total = np.maximum(1, sum(mattes.values()))
    mattes = {name: matte / total for name, matte in mattes.items()}
    layer = ["CryptoObject", "crypto_asset", "uCryptoMaterial", "ViewLayer.CryptoObject", "View Layer.CryptoAsset"][
        rng.integers(5)
    ]
    ranks = encode(mattes, 6)
    attributes = metadata(layer, tuple(mattes))
    if rng.random() < 0.2:
        del attributes[f"cryptomatte/{key_of(layer)}/manifest"]
    elif rng.random() < 0.2:
        text = attributes.pop(f"cryptomatte/{key_of(layer)}/manifest")
        attributes[f"cryptomatte/{key_of(layer)}/manif_file"] = "names.json"
        (folder / "names.json").write_text(text, encoding="utf-8")
    shorts = ["rgba", "RGBA", ("red", "green", "blue", "alpha")][rng.integers(3)]
    renamed = [layer, layer.replace(".", "_").replace(" ", "_"), layer.rpartition(".")[2]][rng.integers(3)]
    if rng.random() < 0.5:
        files = []
        for index in range(3):
            pixels = np.ascontiguousarray(ranks[..., 4 * index : 4 * index + 4])
            name = f"{renamed}{index:02d}"
            bare = rng.random() < 0.5
            channels = list(shorts) if bare else [f"{name}.{short}" for short in shorts]
            own = attributes if index == 0 or rng.random() < 0.5 else {}
            files.append((spec_of(pixels, "float", channels, attributes={"oiio:subimagename": name, **own}), pixels))
        return write_parts(folder / "k.exr", files), mattes
    channels = [f"{renamed}{index // 4:02d}.{shorts[index % 4]}" for index in range(12)]
    beauty = rng.random((H, W, 4)).astype(np.float32)
    pixels = np.dstack([beauty, ranks])
    return write(folder / "k.exr", pixels, "float", [*"RGBA", *channels], attributes=attributes), mattes


def colour_ids(rng: Rng, folder: Path) -> tuple[Path, Mattes]:
    picture = labels(rng, 6)
    colours = np.vstack([[0, 0, 0], rng.integers(0, 256, (6, 3))]).astype(np.uint8)
    pixels = colours[picture]
    if rng.random() < 0.3:  # edges that belong to nobody
        from scipy import ndimage

        pixels = ndimage.gaussian_filter(pixels.astype(np.float32), (0.6, 0.6, 0)).astype(np.uint8)
    choice = rng.integers(3)
    if choice == 0:
        Pillow.fromarray(pixels).save(path := folder / "k.png")
    elif choice == 1:
        path = write(folder / "k.exr", pixels.astype(np.float32) / 255, ["half", "float"][rng.integers(2)], "RGB")
    else:
        path = write(folder / "k.tif", pixels.astype(np.uint16) * 257, "uint16", "RGB")
    used = {f"#{bytes(colours[each]).hex()}": picture == each for each in np.unique(picture) if each}
    return path, used


def quantised(rng: Rng, folder: Path) -> tuple[Path, Mattes]:
    """A coloured image reduced to a palette: its indices are not objects, so no matte is correct."""
    from scipy import ndimage

    if rng.random() < 0.5:  # anti-aliased areas
        colours = rng.integers(0, 256, (7, 3)) * np.arange(7).astype(bool)[:, None]
        pixels = ndimage.gaussian_filter(colours[labels(rng, 6)].astype(np.float32), (0.8, 0.8, 0))
    else:  # a photograph
        pixels = ndimage.gaussian_filter(rng.random((H, W, 3)), (3, 3, 0))
        pixels = (pixels - pixels.min()) / np.ptp(pixels) * 255
    picture = Pillow.fromarray(pixels.astype(np.uint8)).quantize(int(rng.integers(4, 65)), method=int(rng.integers(3)))
    picture.save(path := folder / f"k.{['png', 'gif', 'bmp', 'tga', 'tif'][rng.integers(5)]}")
    return path, {}


VALID: tuple[Callable[[Rng, Path], tuple[Path, Mattes]], ...] = (
    soft_grey,
    with_alpha,
    label_picture,
    palette_labels,
    palette_greys,
    white_is_zero,
    layers,
    parts,
    float_scale,
    float_labels,
    cryptomatte,
    colour_ids,
    quantised,
)


def read(path: Path, **wanted: object) -> Mapping[str, np.ndarray]:
    return read_keyframe(path, frame=1001, window=WINDOW, display=WINDOW, **wanted).mattes


def agree(found: Mapping[str, np.ndarray], truth: Mattes, path: Path) -> None:
    """Check every matte against the truth by name."""
    for name, matte in found.items():
        assert name in truth, f"{path.name}: {name} beside {list(truth)}"
        expected = truth[name]
        off = float(np.abs(matte - np.asarray(expected, np.float64)).max())
        assert off < 2e-3, f"{path.name}: the matte of {name} is off by {off:.4f}"


def valid(rng: Rng, folder: Path) -> None:
    """A file with a known truth gives this truth or an error, however it is read."""
    make = VALID[rng.integers(len(VALID))]
    path, truth = make(rng, folder)
    first, *others = truth or ("nothing", "else")
    for wanted, names in (
        ({}, {}),
        ({"objects": {name: name for name in truth or ["hero"]}}, {}),
        ({"objects": {"new": first}}, {first: "new"}),
        ({"selector": first, "only_name": "new"}, {first: "new"}),
        ({"only_name": "new"}, {} if others else {first: "new"}),
        ({"objects": ["new"]}, {} if others else {first: "new"}),
    ):
        if wanted.get("objects") == ["new"]:
            wanted = {"objects": {"new": "new"}}
        try:
            found = read(path, **wanted)
        except STCNError as refusal:
            assert refusal.fix
            assert str(path) in str(refusal)
            continue
        assert truth, f"{path.name}: {list(found)} of an image that has no objects"
        renamed = {names.get(name, name): matte for name, matte in truth.items()}
        agree(found, truth | renamed, path)


# Broken files


def lossy(rng: Rng, folder: Path) -> tuple[Path, Mattes]:
    """Formats that do not preserve values exactly."""
    levels = np.rint(soft(rng) * 255).astype(np.uint8)
    suffix = ["jpg", "webp", "dpx", "cin", "hdr"][rng.integers(5)]
    path = folder / f"k.{suffix}"
    if suffix == "cin":
        path.write_bytes(cineon(np.dstack([levels * np.uint16(4)] * 3)))
    elif suffix in ("jpg", "webp"):
        Pillow.fromarray(levels).save(path, quality=int(rng.integers(20, 95)))
    else:
        pixels = np.repeat((levels / 255).astype(np.float32)[..., None], 3 if suffix == "hdr" else 1, -1)
        write(path, pixels, "float" if suffix == "hdr" else "uint16")
    return path, {"matte": levels / 255}


def mutated(rng: Rng, folder: Path) -> None:
    """Bytes of a valid file changed, cut or doubled: an STCNError or mattes, never anything else."""
    makers = (*VALID, lossy)
    path, truth = makers[rng.integers(len(makers))](rng, folder)
    data = bytearray(path.read_bytes())
    for _ in range(int(rng.integers(1, 20))):
        at = int(rng.integers(len(data)) ** rng.uniform(0.3, 1)) % len(data)
        kind = rng.integers(4)
        if kind == 0:
            data[at] = rng.integers(256)
        elif kind == 1:
            data[at : at + 4] = rng.bytes(4)
        elif kind == 2:
            data[at : at + int(rng.integers(64))] = b""
        else:
            data[at:at] = data[at : at + int(rng.integers(64))]
        if not data:
            data = bytearray(b"\0")
    path.write_bytes(data)
    every_reader(path, truth, rng)


def odd(rng: Rng, folder: Path) -> None:
    """Random modes, sizes, palettes, metadata and manifests."""
    kind = rng.integers(3)
    if kind == 0:
        mode = ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "I;16", "F"][rng.integers(10)]
        image = Pillow.frombytes("L", (W, H), rng.bytes(W * H)).point(lambda value: value // int(rng.integers(1, 128)))
        try:
            image = image.convert(mode)
            if mode == "P":
                image.putpalette(list(rng.bytes(3 * int(rng.integers(1, 257)))))
                if rng.random() < 0.5:
                    image.info["transparency"] = rng.bytes(int(rng.integers(1, 256)))
            image.save(path := folder / f"k.{['png', 'gif', 'bmp', 'tga', 'tif', 'webp', 'jpg'][rng.integers(7)]}")
        except (OSError, ValueError, TypeError):
            return
        every_reader(path, {}, rng)
        return
    values = [np.nan, np.inf, -np.inf, -1, 0, 0.5, 1, 1e30, 2, 3]
    channels = ["A", "R", "G", "B", "hero.A", "Crypto00.r", "Crypto00.g", "Crypto00.b", "Crypto00.a", "rgba.red", "Z"]
    chosen = [channels[index] for index in rng.permutation(len(channels))[: rng.integers(1, len(channels))]]
    pixels = rng.choice(values, (H, W, len(chosen))).astype(np.float32)
    manifest = [
        json.dumps({"hero": f"{hash_bits('hero'):08x}", "": "", "x": 3, "y": None, "z": "ff" * 9}),
        "[" * int(rng.integers(1, 100_000)),
        '{"a":' * int(rng.integers(1, 20_000)),
        rng.bytes(60).decode("latin-1").replace("\0", ""),
        "{}",
    ][rng.integers(5)]
    side = ["/dev/zero", "/dev/stdin", "../x.json", "a/../../b", "C:\\x", "\\\\host\\x", ".", "", "n.json", "x" * 5000]
    attributes = {
        "cryptomatte/1234567/name": ["Crypto", "", "Crypto00", ".*", "(["][rng.integers(5)],
        "cryptomatte/1234567/manifest": manifest,
    }
    if rng.random() < 0.5:
        del attributes["cryptomatte/1234567/manifest"]
        attributes["cryptomatte/1234567/manif_file"] = side[rng.integers(len(side))]
        (folder / "n.json").write_text(manifest, encoding="utf-8")
    attributes = {key: value for key, value in attributes.items() if value}
    every_reader(write(folder / "k.exr", pixels, "float", chosen, attributes=attributes), {}, rng)


def every_reader(path: Path, truth: Mattes, rng: Rng) -> None:
    """Read a file in all ways; each gives coverage or an STCNError."""
    wanted = [
        {},
        {"selector": ["hero", "A", "rgba", "1", "0", "#ff0000", "<3f800000>", "Crypto:hero", "R"][rng.integers(9)]},
        {"objects": {"hero": int(rng.integers(4))}},
        {"objects": {name: name for name in truth or ["hero"]}},
    ]
    for each in wanted:
        try:
            found = read(path, **each)
        except STCNError:
            continue
        for matte in found.values():
            assert matte.shape == WINDOW.shape and matte.dtype == np.float32
            assert matte.min() >= 0 and 0 < matte.max() <= 1
    read_objects(path, object_names(path).names)


def attack(rng: Rng, folder: Path) -> None:
    """Read one random keyframe."""
    kind = rng.random()
    (valid if kind < 0.5 else mutated if kind < 0.8 else odd)(rng, folder)


def test_random_keyframes(fuzz_count):
    """Any file gives mattes or an STCNError, and a valid one only its own matte."""
    assert channel_names("CryptoObject", 6)[0] == "CryptoObject00.r"
    assert hammer("fuzz.test_fuzz_keyframes:attack", fuzz_count) == []
