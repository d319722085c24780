"""Colour metadata of files: primaries, gammas and profiles, from bytes to the network's input."""

from __future__ import annotations

import io
import struct
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import ImageCms
from raw_pictures import (
    chrm,
    chromaticities,
    cicp,
    cineon,
    dpx,
    exr,
    exr_attribute,
    gamma,
    png,
    radiance,
    rationals,
    targa,
    tiff,
)

from stcn_plugin.media.colour import ColourTransform, compress_highlights, encode_srgb
from stcn_plugin.media.oiio_plates import OpenImageIOPlates
from stcn_plugin.media.pixels import to_float

REC709 = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3127, 0.3290)
XYZ = (1, 0, 0, 1, 0, 0, 1 / 3, 1 / 3)
P3 = (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, 0.3127, 0.3290)
DCI = (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, 0.314, 0.351)
REC2020 = (0.708, 0.292, 0.170, 0.797, 0.131, 0.046, 0.3127, 0.3290)
AP0 = (0.7347, 0.2653, 0, 1, 0.0001, -0.077, 0.32168, 0.33767)
AP1 = (0.713, 0.293, 0.165, 0.83, 0.128, 0.044, 0.32168, 0.33767)
PROPHOTO = (0.7347, 0.2653, 0.1596, 0.8404, 0.0366, 0.0001, 0.3457, 0.3585)
ADOBE = (0.64, 0.33, 0.21, 0.71, 0.15, 0.06, 0.3127, 0.3290)
ALEXA = (0.684, 0.313, 0.221, 0.848, 0.0861, -0.102, 0.3127, 0.3290)
ODD = (0.61, 0.35, 0.28, 0.58, 0.17, 0.08, 0.3127, 0.3290)

LIGHT = np.random.default_rng(7).uniform(0.05, 0.5, (6, 8, 3)).astype(np.float32)
LIGHT[0, 0] = 0.8, 0.35, 0.1
RAMP = np.linspace(0, 255, 96).round().astype(np.uint8).reshape(1, 96, 1).repeat(2, 0).repeat(3, 2)


@pytest.fixture(autouse=True)
def _no_studio_config(monkeypatch):
    monkeypatch.delenv("OCIO", raising=False)


@pytest.fixture
def seen(tmp_path):
    """Write a file, and return the network's input and the warning."""

    def see(name, raw, **settings):
        path = tmp_path / name
        path.write_bytes(raw)
        picture = OpenImageIOPlates().picture(path, where=name)
        transform = ColourTransform(**settings)
        metadata = {"is_float": picture.is_float, "file_colour_space": picture.colour_space}
        rgb = np.broadcast_to(to_float(picture.pixels), (*picture.pixels.shape[:2], 3))
        warning = transform.warning(picture.colour_space, is_float=picture.is_float)
        return transform.to_display(rgb, **metadata), warning

    return see


def shown(light):
    return compress_highlights(encode_srgb(np.asarray(light, np.float32)))


def matrix_to_xyz(eight):
    """The matrix of SMPTE RP 177."""
    rx, ry, gx, gy, bx, by, wx, wy = eight
    columns = np.array([[rx, gx, bx], [ry, gy, by], [1 - rx - ry, 1 - gx - gy, 1 - bx - by]])
    return columns * (np.linalg.inv(columns) @ np.array([wx / wy, 1, (1 - wx - wy) / wy]))


def in_primaries(eight, light=LIGHT):
    """Return the same light in other primaries, adapted to their white point by Bradford."""
    cat = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
    white = lambda x, y: cat @ [x / y, 1, (1 - x - y) / y]  # noqa: E731
    adapt = np.linalg.inv(cat) @ np.diag(white(*eight[6:]) / white(*REC709[6:])) @ cat
    return light @ (np.linalg.inv(matrix_to_xyz(eight)) @ adapt @ matrix_to_xyz(REC709)).T


def exr_of(pixels, attributes=b""):
    return exr(pixels[..., ::-1], attributes=attributes)


@pytest.mark.parametrize(
    "eight", [REC709, P3, DCI, REC2020, AP0, AP1, PROPHOTO, ADOBE, ALEXA, ODD], ids=lambda eight: str(eight[0])
)
def test_any_primaries_give_the_same_picture(seen, eight):
    """The same light written in different primaries gives the same image, without a warning."""
    raw = exr_of(in_primaries(eight), chromaticities(*eight))
    image, warning = seen("p.exr", raw)
    np.testing.assert_allclose(image, shown(LIGHT), atol=0.004)
    assert warning is None


def test_xyz_files_are_not_adapted(seen):
    """With XYZ primaries, pixels are XYZ relative to D65, as in the OpenEXR sample files."""
    image, warning = seen("p.exr", exr_of(LIGHT @ matrix_to_xyz(REC709).T, chromaticities(*XYZ)))
    np.testing.assert_allclose(image, shown(LIGHT), atol=0.004)
    assert warning is None


def test_published_matrices_agree():
    """The matrices of ACEScg and Display P3 equal those published by the Academy and Apple."""
    from stcn_plugin.media.colour_encoding import matrix_from_primaries

    ap1 = [1.70505, -0.62179, -0.08326, -0.13026, 1.14080, -0.01055, -0.02400, -0.12897, 1.15297]
    p3 = [1.2249, -0.2247, 0, -0.0420, 1.0419, 0, -0.0197, -0.0786, 1.0979]
    np.testing.assert_allclose(matrix_from_primaries(AP1), ap1, atol=2e-4)
    np.testing.assert_allclose(matrix_from_primaries(P3), p3, atol=2e-3)
    assert matrix_from_primaries(REC709) is None


@pytest.mark.parametrize(
    "eight",
    [
        (0,) * 8,
        (float("nan"),) * 8,
        (float("inf"), *REC709[1:]),
        (0.3,) * 8,
        (0.64, 0.33, 0.64, 0.33, 0.15, 0.06, 0.3127, 0.329),
        (0.1, 0.1, 0.2, 0.2, 0.3, 0.3, 0.3127, 0.329),
        (*REC709[:6], 0, 0),
        (*REC709[:6], 0.3127, 0),
        (*REC709[:6], 0.9, 0.05),
        (*REC709[:6], -0.3, 0.3),
        (1e30,) * 8,
    ],
    ids=str,
)
def test_invalid_primaries(seen, eight):
    """Zeros, NaN, collinear primaries or a white point outside give one warning, and scene-linear Rec.709."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        image, warning = seen("p.exr", exr_of(LIGHT, chromaticities(*eight)))
    np.testing.assert_allclose(image, shown(LIGHT), atol=0.002)
    assert "chromaticities" in warning and "scene-linear Rec.709" in warning and "colour.input" in warning


@pytest.mark.parametrize(
    ("kind", "value"),
    [("string", b"Rec.709"), ("v3f", struct.pack("<3f", 0.1, 0.2, 0.3))],
    ids=["text", "three numbers"],
)
def test_chromaticities_of_another_type(seen, kind, value):
    """Anything else than eight numbers gives a warning that says so."""
    image, warning = seen("p.exr", exr_of(LIGHT, exr_attribute("chromaticities", kind, value)))
    np.testing.assert_allclose(image, shown(LIGHT), atol=0.002)
    assert "chromaticities" in warning and "shapes" not in warning


def flag(value=1):
    return exr_attribute("acesImageContainerFlag", "int", struct.pack("<i", value))


def interop(name):
    return exr_attribute("colorInteropID", "string", name)


@pytest.mark.parametrize(
    ("attributes", "written_in", "expected_warning"),
    [
        (flag(), AP0, None),
        (flag() + chromaticities(*AP0), AP0, None),
        (flag() + chromaticities(*ODD), ODD, "acesImageContainerFlag"),
        (flag(0) + chromaticities(*ODD), ODD, None),
        (interop(b"lin_ap1_scene"), AP1, None),
        (interop(b"lin_ap1_scene") + flag() + chromaticities(*AP0), AP1, None),
        (interop(b"unknown") + chromaticities(*P3), P3, None),
        (interop(b"unknown"), REC709, None),
        (interop(b"acme:camera"), REC709, "acme:camera"),
        (interop(b"acme:camera") + chromaticities(*ODD), ODD, "acme:camera"),
        (exr_attribute("oiio:ColorSpace", "string", b"Linear") + chromaticities(*AP1), AP1, None),
        (exr_attribute("oiio:ColorSpace", "string", b"FooLog"), REC709, "FooLog"),
        (exr_attribute("oiio:ColorSpace", "string", b"Foo\x1b[31m\n\xe9"), REC709, "Foo\\x1b[31m\\n\u00e9"),
        (exr_attribute("adoptedNeutral", "v2f", struct.pack("<2f", 0.4, 0.4)) + chromaticities(*P3), P3, None),
        (exr_attribute("whitePoint", "v2f", struct.pack("<2f", 0, 0)) + chromaticities(*P3), P3, None),
    ],
    ids=str,
)
def test_precedence_of_exr_metadata(seen, attributes, written_in, expected_warning):
    """A known interop name wins over chromaticities, and these over the ACES flag; contradictions give a warning."""
    image, warning = seen("p.exr", exr_of(in_primaries(written_in), attributes))
    np.testing.assert_allclose(image, shown(LIGHT), atol=0.006)
    assert (expected_warning in warning and warning.isprintable()) if expected_warning else warning is None


def test_the_input_setting_overrides_all_metadata(seen):
    """With colour.input set, the metadata is not used and gives no warning."""
    for attributes in (chromaticities(*([0] * 8)), interop(b"acme:camera"), chromaticities(*P3)):
        image, warning = seen("p.exr", exr_of(LIGHT, attributes), input="sRGB")
        np.testing.assert_allclose(image, LIGHT, atol=0.001)
        assert warning is None


# Chunks of a PNG, and the light of a value of 0.5; None is that of sRGB.
PNG = [
    ((), None),
    ((gamma(1 / 2.2),), None),
    ((gamma(0.45455),), None),
    ((gamma(0.45),), None),
    ((gamma(1 / 1.8),), 0.5**1.8),
    ((gamma(1 / 2.4),), 0.5**2.4),
    ((gamma(1 / 2.6),), 0.5**2.6),
    ((gamma(0.5),), 0.25),
    ((gamma(1),), 0.5),
    (((b"sRGB", b"\0"), gamma(1)), None),
    ((cicp(1, 13), gamma(1)), None),
    ((cicp(1, 1),), None),
    ((cicp(1, 6),), None),
    ((cicp(1, 14),), None),
    ((cicp(1, 4),), None),
    ((cicp(2, 2),), None),
    ((cicp(1, 5),), 0.5**2.8),
    ((cicp(1, 8),), 0.5),
    ((gamma(1 / 2.2), chrm(*REC709)), None),
    ((gamma(1), chrm(*REC709)), 0.5),
]


@pytest.mark.parametrize(("chunks", "light"), PNG, ids=[str([c[0] + c[1] for c in chunks]) for chunks, _ in PNG])
@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_gamma_and_code_points_of_png(seen, chunks, light, depth):
    """White and black are unchanged; values between follow the curve in the file."""
    top = np.iinfo(depth).max
    values = np.array([0, round(top / 2), top])
    pixels = values.astype(depth).reshape(1, 3, 1).repeat(3, 2)
    image, warning = seen("p.png", png(pixels, *chunks))
    middle = 0.5 if light is None else encode_srgb(np.float32(light))
    np.testing.assert_allclose(image[0, :, 1], [0, middle, 1], atol=0.005)
    assert warning is None
    plain, _ = seen("q.png", png(RAMP))
    if light is None:
        np.testing.assert_array_equal(seen("r.png", png(RAMP, *chunks))[0], plain)


@pytest.mark.parametrize("eight", [P3, REC2020, ADOBE, ODD, DCI], ids=lambda eight: str(eight[2:4]))
@pytest.mark.parametrize("exponent", [1 / 2.2, 1.0])
def test_primaries_of_png(seen, eight, exponent):
    """cHRM with gAMA gives the same image from other primaries; white is unchanged."""
    stored = in_primaries(eight)
    code = encode_srgb(stored.astype(np.float32)) if exponent < 1 else stored
    pixels = np.concatenate([code, np.ones((6, 1, 3))], 1)
    pixels = (np.clip(pixels, 0, 1) * 65535).round().astype(np.uint16)
    inside = (stored >= 0).all(-1) & (stored <= 1).all(-1)
    image, warning = seen("p.png", png(pixels, gamma(exponent), chrm(*eight)))
    np.testing.assert_allclose(image[:, :8][inside], encode_srgb(LIGHT)[inside], atol=0.004)
    np.testing.assert_allclose(image[:, 8], 1, atol=0.005)
    assert warning is None


def test_display_p3_by_code_points(seen):
    """cICP 12, 13 is Display P3, and equals a P3 profile."""
    code = (encode_srgb(in_primaries(P3).astype(np.float32)) * 65535).round().astype(np.uint16)
    image, warning = seen("p.png", png(code, cicp(12, 13)))
    np.testing.assert_allclose(image, encode_srgb(LIGHT), atol=0.002)
    assert warning is None


def test_hdr_by_code_points(seen):
    """In PQ and HLG, reference white (203 cd/m²) is 1 in scene-linear, with highlights above."""
    paper_pq, grey_pq = 0.5806889, 0.5080784  # ST 2084 of 203 and 100 candelas
    for code, expected in [(cicp(9, 16), [1, 100 / 203]), (cicp(9, 18), [1, (0.5**2 / 3) / 0.2649])]:
        values = [paper_pq, grey_pq] if code == cicp(9, 16) else [0.75, 0.5]
        pixels = (np.array([*values, 1.0]) * 65535).round().astype(np.uint16).reshape(1, 3, 1).repeat(3, 2)
        image, warning = seen("p.png", png(pixels, code))
        np.testing.assert_allclose(image[0, :2, 0], shown(expected), atol=0.003)
        assert image[0, 2, 0] > 0.99
        assert warning is None


@pytest.mark.parametrize(
    ("chunks", "named"),
    [
        ((gamma(0),), "gAMA"),
        ((gamma(0.00001),), "gAMA"),
        ((gamma(21474.8),), "gAMA"),
        ((chrm(*[0] * 8),), "cHRM"),
        ((cicp(99, 1),), "cICP"),
        ((cicp(1, 99),), "cICP"),
        ((cicp(1, 13, full=0),), "cICP"),
        (((b"iCCP", b"p\0\0" + zlib.compress(bytes(128) + struct.pack(">I", 0))),), None),
    ],
    ids=str,
)
def test_invalid_chunks(seen, chunks, named):
    """An invalid chunk gives one warning that names it; the image is sRGB."""
    image, warning = seen("p.png", png(RAMP, *chunks))
    np.testing.assert_allclose(image, RAMP / 255, atol=1e-6)
    assert (named in warning) if named else True


def profile_of(eight, exponent=None):
    """Return an ICC profile of primaries, with sRGB's curve or a power."""
    cat = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
    white = lambda x, y: cat @ [x / y, 1, (1 - x - y) / y]  # noqa: E731
    to_d50 = np.linalg.inv(cat) @ np.diag(white(0.3457, 0.3585) / white(*eight[6:])) @ cat @ matrix_to_xyz(eight)
    fixed = lambda values: struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))  # noqa: E731
    if exponent is None:
        curve = b"para\0\0\0\0\0\3\0\0" + fixed([2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045])
    else:
        curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(exponent * 256)) + b"\0\0"
    elements = {
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", 6) + b"tests\0" + bytes(80),
        b"wtpt": b"XYZ \0\0\0\0" + fixed([0.9642, 1, 0.8249]),
        b"cprt": b"text\0\0\0\0none\0\0\0\0",
    }
    for index, name in enumerate((b"r", b"g", b"b")):
        elements[name + b"XYZ"] = b"XYZ \0\0\0\0" + fixed(to_d50[:, index])
        elements[name + b"TRC"] = curve
    table, body, start = struct.pack(">I", len(elements)), b"", 132 + 12 * len(elements)
    for tag, element in elements.items():
        element += bytes(-len(element) % 4)
        table += struct.pack(">4sII", tag, start + len(body), len(element))
        body += element
    head = bytearray(128)
    head[8:12], head[12:24] = b"\x02\x40\0\0", b"mntrRGB XYZ "
    head[36:40], head[68:80] = b"acsp", fixed([0.9642, 1, 0.8249])
    struct.pack_into(">I", head, 0, 128 + len(table) + len(body))
    return bytes(head) + table + body


@pytest.mark.parametrize(
    ("eight", "exponent"),
    [(REC709, None), (P3, None), (ADOBE, 2.19921875), (PROPHOTO, 1.8), (REC709, 1.0), (REC2020, 2.4)],
)
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP"])
def test_icc_profiles_agree_with_littlecms(seen, eight, exponent, kind):
    """The image equals LittleCMS's conversion to sRGB within 8 bits; an sRGB profile changes nothing."""
    code = (np.random.default_rng(2).uniform(0.25, 0.75, (6, 8, 1)) + np.linspace(-0.1, 0.1, 3)) * 255
    pixels = code.round().astype(np.uint8).repeat(4, 0).repeat(4, 1)
    profile = profile_of(eight, exponent)
    options = {"JPEG": {"quality": 100, "subsampling": 0}, "WEBP": {"lossless": True}}.get(kind, {})
    stream = io.BytesIO()
    Pillow.fromarray(pixels).save(stream, kind, icc_profile=profile, **options)
    image, warning = seen(f"p.{kind.lower()}", stream.getvalue())
    decoded = Pillow.open(io.BytesIO(stream.getvalue())).convert("RGB")
    srgb = ImageCms.createProfile("sRGB")
    flags = ImageCms.Flags.NOOPTIMIZE
    truth = ImageCms.profileToProfile(decoded, ImageCms.ImageCmsProfile(io.BytesIO(profile)), srgb, 1, flags=flags)
    tolerance = 3.5 if kind == "JPEG" else 1.5
    np.testing.assert_allclose(image * 255, np.asarray(truth, np.float32), atol=tolerance)
    assert warning is None
    if eight == REC709 and exponent is None and kind != "JPEG":
        np.testing.assert_array_equal(image, (pixels / np.float64(255)).astype(np.float32))


@pytest.mark.parametrize(
    "profile", [b"", b"\xff" * 200, ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()]
)
def test_unsupported_profiles(seen, profile):
    """Lookup tables, other kinds of colour and noise give one warning, and the image is sRGB."""
    image, warning = seen("p.tif", tiff(RAMP, (34675, 7, max(5, len(profile)), profile.ljust(5, b"\0"))))
    np.testing.assert_allclose(image, RAMP / 255, atol=1e-6)
    assert "ICC profile" in warning and "colour.input" in warning


def test_adobe_rgb_of_cameras(seen):
    """A JPEG without a profile whose Exif data declares Adobe RGB."""
    grey = np.full((16, 16, 3), 128, np.uint8)
    grey[..., 0] = 200
    exif = Pillow.Exif()
    exif[0x8769] = {0xA001: 2}
    stream = io.BytesIO()
    Pillow.fromarray(grey).save(stream, "JPEG", exif=exif, quality=100, subsampling=0)
    image, warning = seen("p.jpg", stream.getvalue())
    linear = (np.array([200, 128, 128]) / 255) ** (563 / 256)
    expected = encode_srgb(np.clip(linear @ np.linalg.inv(in_primaries(ADOBE, np.eye(3))), 0, 1).astype(np.float32))
    np.testing.assert_allclose(image[8, 8], expected, atol=0.01)
    assert warning is None


def test_primaries_of_tiff_and_radiance(seen):
    """The tags PrimaryChromaticities and WhitePoint, and the line PRIMARIES, are used."""
    fields = (319, 5, 6, rationals(*P3[:6])), (318, 5, 2, rationals(*P3[6:]))
    image, warning = seen("p.tif", tiff(in_primaries(P3).astype(np.float32), *fields))
    np.testing.assert_allclose(image, shown(LIGHT), atol=1e-3)
    assert warning is None
    light = in_primaries(P3)
    exponents = np.ceil(np.log2(light.max(-1))) + 128
    mantissas = light / 2.0 ** (exponents[..., None] - 136)
    raw = np.concatenate([mantissas.round(), exponents[..., None]], -1).clip(0, 255).astype(np.uint8)
    line = "PRIMARIES=" + " ".join(map(str, P3))
    image, warning = seen("p.hdr", radiance(raw, line.encode()))
    np.testing.assert_allclose(image, shown(LIGHT), atol=0.01)
    assert warning is None
    for name, odd in [
        ("p.tif", tiff(LIGHT, (319, 5, 6, rationals(*[0] * 6)))),
        ("p.hdr", radiance(raw, b"PRIMARIES=nonsense")),
    ]:
        assert ("PrimaryChromaticities" if name == "p.tif" else "PRIMARIES") in seen(name, odd)[1]


CODES = np.linspace(0, 1023, 48).round().astype(np.uint16).reshape(2, 8, 3)


@pytest.mark.parametrize(
    ("raw", "shown_as"),
    [
        (dpx(CODES, transfer=1), "Printing density"),
        (dpx(CODES, transfer=3), "KodakLog"),
        (dpx(CODES, transfer=13), "ADX"),
        (cineon(CODES), "KodakLog"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_film_scans_in_log(seen, raw, shown_as):
    """Printing density, logarithmic and ADX give one warning that says to set colour.input."""
    name = "p.cin" if raw[0] == 0x80 else "p.dpx"
    image, warning = seen(name, raw)
    np.testing.assert_allclose(image, CODES / 1023, atol=1e-4)
    assert f"'{shown_as}'" in warning and "sRGB is assumed" in warning and "Set colour.input" in warning


def test_film_scans_in_log_with_a_studio_config(seen, tmp_path):
    """If the config has Cineon, the scan is converted without a warning."""
    config = tmp_path / "studio.ocio"
    config.write_text("""
ocio_profile_version: 2
roles: {scene_linear: plain, default: plain}
displays: {monitor: [!<View> {name: Raw, colorspace: plain}]}
colorspaces:
  - !<ColorSpace> {name: plain, aliases: [lin_rec709]}
  - !<ColorSpace>
    name: Cineon
    to_scene_reference: !<MatrixTransform> {matrix: [2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 1]}
""")
    for raw in (dpx(CODES // 4, transfer=1), dpx(CODES // 4, transfer=3)):
        image, warning = seen("p.dpx", raw, config=str(config))
        np.testing.assert_allclose(image, shown(CODES // 4 * 2 / 1023), atol=2e-3)
        assert warning is None


@pytest.mark.parametrize(("transfer", "light"), [(0, None), (2, 1), (4, None), (5, None), (6, None)])
def test_film_scans_in_other_curves(seen, transfer, light):
    """Video and unspecified scans are sRGB, linear ones get the sRGB curve."""
    image, warning = seen("p.dpx", dpx(CODES, transfer=transfer))
    expected = CODES / 1023 if light is None else encode_srgb((CODES / 1023).astype(np.float32))
    np.testing.assert_allclose(image, expected, atol=2e-4)
    assert warning is None


def test_gamma_of_targa(seen):
    """The gamma in the extension area is used; 2.2 is sRGB."""
    for numerator, expected in [(22, RAMP / 255), (10, encode_srgb((RAMP / 255).astype(np.float32)))]:
        raw = targa(RAMP)
        extension = bytearray(495)
        struct.pack_into("<H", extension, 0, 495)
        struct.pack_into("<HH", extension, 478, numerator, 10)
        footer = struct.pack("<II", len(raw), 0) + b"TRUEVISION-XFILE.\0"
        image, warning = seen("p.tga", raw + bytes(extension) + footer)
        np.testing.assert_allclose(image, expected, atol=1e-5)
        assert warning is None


@pytest.mark.parametrize("space", ["g22_rec709_scene", "Gamma 1.8 Encoded Rec.709", "lin_rec709", "ACEScg"])
def test_white_of_integers_stays_white(seen, space):
    """Integer plates hold nothing above white, so highlights are not compressed, in any space."""
    image, _ = seen("p.png", png(RAMP), input=space)
    assert image[0, -1].min() > 0.995
    bright, _ = seen("p.png", png(RAMP), input="ACEScct")  # whose white is 222 times as bright
    assert 0.9 < bright[0, 60, 0] < 1
