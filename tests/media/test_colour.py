from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from stcn_plugin.errors import ColourError
from stcn_plugin.media.colour import ColourTransform

# Linear values and their sRGB values, computed by hand from the standard to six digits.
SRGB_BY_HAND = {0.0: 0.0, 0.002: 0.02584, 0.0031308: 0.04045, 0.05: 0.247801, 0.18: 0.461356, 0.5: 0.735357}

CONFIG = """
ocio_profile_version: 2
search_path: luts
roles: {scene_linear: plain, default: plain, plate: camera%(roles)s}
displays: {monitor: [!<View> {name: Raw, colorspace: numbers}]}
colorspaces:
  - !<ColorSpace> {name: numbers, isdata: true}
  - !<ColorSpace> {name: plain, aliases: [flat]}
  - !<ColorSpace>
    name: camera
    to_scene_reference: !<MatrixTransform> {matrix: [2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 1]}
  - !<ColorSpace>
    name: broken
    to_scene_reference: !<FileTransform> {src: absent.cube}
%(spaces)s
"""
SRGB_SPACE = """
  - !<ColorSpace>
    name: %s
    aliases: [%s]
    from_scene_reference: !<ExponentWithLinearTransform> {gamma: [2.4, 2.4, 2.4, 1], offset: [0.055, 0.055, 0.055, 0], direction: inverse}
"""


@pytest.fixture(autouse=True)
def _no_studio_config(monkeypatch):
    monkeypatch.delenv("OCIO", raising=False)


@pytest.fixture
def config(tmp_path):
    """Write a studio's config with an sRGB space of a given name, or with none."""

    def write(srgb="", alias="unused", roles=""):
        path = tmp_path / f"{srgb or 'none'}.ocio"
        path.write_text(CONFIG % {"spaces": SRGB_SPACE % (srgb, alias) if srgb else "", "roles": roles})
        return str(path)

    return write


def grey(*values):
    return np.repeat(np.array(values, np.float32)[None, :, None], 3, axis=2)


def shown(transform, *values, is_float=True, file_colour_space=None):
    """Return the display values of greys."""
    display = transform.to_display(grey(*values), is_float=is_float, file_colour_space=file_colour_space)
    assert display.dtype == np.float32 and display.min() >= 0 and display.max() <= 1
    return display[0, :, 1]


def test_float_plates_are_linear_by_default():
    """A float file without colour metadata is scene-linear Rec.709; below the shoulder, the sRGB curve applies."""
    np.testing.assert_allclose(shown(ColourTransform(), *SRGB_BY_HAND), list(SRGB_BY_HAND.values()), atol=2e-6)


def test_8_bit_srgb_plates_are_unchanged():
    """Integer files are sRGB by default, and are neither converted nor compressed."""
    values = (np.arange(256) / 255).astype(np.float32)
    for space in (None, "sRGB", "srgb_rec709_scene"):
        for highlights in ("compress", "clip"):
            transform = ColourTransform(highlights=highlights)
            np.testing.assert_array_equal(shown(transform, *values, is_float=False, file_colour_space=space), values)


def test_the_input_array_is_not_modified():
    """Conversion returns a new array."""
    pixels = grey(-1.0, np.nan, 0.5)
    before = pixels.copy()
    ColourTransform().to_display(pixels, is_float=True, file_colour_space=None)
    np.testing.assert_array_equal(pixels, before)


@pytest.mark.parametrize("space", ["auto", "sRGB", "ACEScg", "ACEScct", "Raw"])
@pytest.mark.parametrize("highlights", ["compress", "clip"])
def test_invalid_values(space, highlights):
    """NaN, -Inf and negative values become black and +Inf white, without affecting other pixels."""
    transform = ColourTransform(input=space, highlights=highlights)
    black, nan, minus_inf, negative, inf, middle = shown(transform, 0, np.nan, -np.inf, -0.5, np.inf, 0.4)
    assert nan == minus_inf == negative == black
    assert inf > 0.999
    assert middle == shown(transform, 0.4)[0]


def test_compress_rolls_off_smoothly_and_keeps_highlights_apart():
    """Values up to 0.8 are unchanged; above, they rise with a continuous slope that decreases, and stay below 1."""
    linear = np.linspace(0.3, 4, 4000, dtype=np.float32)
    compressed = shown(ColourTransform(), *linear).astype(np.float64)
    straight = 1.055 * linear.astype(np.float64) ** (1 / 2.4) - 0.055
    below = straight <= 0.8
    np.testing.assert_allclose(compressed[below], straight[below], atol=2e-6)
    slope = np.diff(compressed) / np.diff(straight)
    assert np.all(slope > 0) and np.all(compressed < 1)
    first_above = np.argmin(below)
    np.testing.assert_allclose(slope[first_above : first_above + 3], 1, atol=0.02)
    expected = 0.8 + 0.2 * (1 - np.exp(-(1.055 * 2 ** (1 / 2.4) - 0.055 - 0.8) / 0.2))
    assert shown(ColourTransform(), 2.0)[0] == pytest.approx(expected, abs=1e-5)


def test_clip():
    """Values from display white on become 1; those below follow the sRGB curve."""
    transform = ColourTransform(highlights="clip")
    np.testing.assert_allclose(shown(transform, 0.9, 1, 1.5, 100), [0.954687, 1, 1, 1], atol=2e-6)


def test_acescg_by_published_primaries():
    """ACEScg is converted by the published AP1 matrix and the sRGB curve."""
    ap1_to_709 = np.array([[1.70505, -0.62179, -0.08326], [-0.13026, 1.14080, -0.01055], [-0.02400, -0.12897, 1.15297]])
    colour = np.array([0.30, 0.25, 0.20])
    linear = ap1_to_709 @ colour
    expected = 1.055 * linear ** (1 / 2.4) - 0.055
    pixels = colour.astype(np.float32).reshape(1, 1, 3)
    by_name = ColourTransform(input="ACEScg").to_display(pixels, is_float=True, file_colour_space=None)
    by_file = ColourTransform().to_display(pixels, is_float=True, file_colour_space="lin_ap1_scene")
    np.testing.assert_allclose(by_name[0, 0], expected, atol=1e-4)
    np.testing.assert_array_equal(by_file, by_name)


def test_a_log_space_by_its_formula():
    """ACEScct greys match the published formula."""
    code = np.array([0.3, 0.41, 0.5])
    linear = 2 ** (code * 17.52 - 9.72)
    expected = 1.055 * linear ** (1 / 2.4) - 0.055
    assert expected.max() < 0.8
    np.testing.assert_allclose(shown(ColourTransform(input="ACEScct"), *code), expected, atol=2e-4)


def test_the_input_setting_overrides_the_file():
    """A named input overrides the file; `auto` uses the default if the config does not know the file's space."""
    explicit = ColourTransform(input="sRGB")
    assert shown(explicit, 0.5, file_colour_space="ACEScg")[0] == 0.5
    assert shown(ColourTransform(), 0.5, file_colour_space="KodakLog") == pytest.approx(0.735357, abs=2e-6)
    assert shown(ColourTransform(), 0.5, is_float=False, file_colour_space="KodakLog")[0] == 0.5


@pytest.mark.parametrize("name", ["Linear Rec.709", "lin_rec709", "Utility - Linear - sRGB", "linear", "LIN_SRGB"])
def test_names_of_other_hosts_are_understood(name):
    """Names of linear Rec.709 in Blender, Nuke and ACES 1 work in any case, even if the config lacks them."""
    assert shown(ColourTransform(input=name), 0.5, is_float=False)[0] == pytest.approx(0.735357, abs=2e-6)


def test_an_unknown_space_has_suggestions():
    """The error names the config, the setting, and the most similar space with its aliases."""
    with pytest.raises(ColourError) as caught:
        ColourTransform(input="ACEScgg")
    assert caught.value.where == "ocio://default"
    assert "'ACEScgg'" in caught.value.what
    assert "colour.input" in str(caught.value.fix) and "ACEScg (also ACES - ACEScg" in str(caught.value.fix)
    with pytest.raises(ColourError, match="one of its names: "):
        ColourTransform(input="nothing like it at all")


def test_a_config_that_cannot_be_read_is_refused(tmp_path):
    """A missing, a damaged and an unknown built-in config are errors on creation."""
    damaged = tmp_path / "damaged.ocio"
    damaged.write_text("colorspaces: [")
    for config in (str(tmp_path / "absent.ocio"), str(damaged), "ocio://absent"):
        with pytest.raises(ColourError, match="cannot be read") as caught:
            ColourTransform(config=config)
        assert caught.value.where == config


def test_the_studio_config_is_taken_from_the_environment(config, monkeypatch):
    """`auto` is $OCIO if it is set, else the built-in config."""
    assert ColourTransform().config == "ocio://default"
    path = config("sRGB")
    monkeypatch.setenv("OCIO", path)
    transform = ColourTransform(input="camera")
    assert transform.config == path
    assert shown(transform, 0.25)[0] == pytest.approx(0.735357, abs=1e-4)


@pytest.mark.parametrize(
    ("srgb", "alias"), [("sRGB", "a"), ("Output - sRGB", "a"), ("srgb_texture", "a"), ("house_monitor", "srgb_display")]
)
def test_a_studio_config_finds_its_own_srgb(config, srgb, alias):
    """In a config without "sRGB - Display", another sRGB space is used; aliases and roles can be inputs."""
    path = config(srgb, alias)
    for name, value in [("camera", 0.25), ("CAMERA", 0.25), ("plate", 0.25), ("flat", 0.5)]:
        assert shown(ColourTransform(path, name), value)[0] == pytest.approx(0.735357, abs=1e-4)


def test_srgb_by_role(config):
    """Without a known name, the space of a painting role is used if its name contains sRGB."""
    transform = ColourTransform(config("house sRGB v2", roles=", texture_paint: house sRGB v2"), "camera")
    assert shown(transform, 0.25)[0] == pytest.approx(0.735357, abs=1e-4)


def test_a_config_without_srgb(config):
    """sRGB and linear Rec.709 still work; the error for another input says how to fix the config."""
    path = config()
    assert shown(ColourTransform(path), 0.5)[0] == pytest.approx(0.735357, abs=2e-6)
    assert shown(ColourTransform(path), 0.5, is_float=False)[0] == 0.5
    with pytest.raises(ColourError, match="srgb_display"):
        ColourTransform(path, "camera")


def test_a_missing_lut_is_found_on_creation(config):
    """A space that OCIO cannot convert is an error before any frame is read."""
    with pytest.raises(ColourError, match="cannot convert from 'broken'"):
        ColourTransform(config("sRGB"), "broken")


def test_threads_share_a_transform(config):
    """Results on several threads equal those on one, with the default config and a studio's."""
    pixels = np.random.default_rng(0).random((40, 50, 3), np.float32)
    for transform in (ColourTransform(input="ACEScg"), ColourTransform(config("sRGB"), "camera")):
        expected = transform.to_display(pixels, is_float=True, file_colour_space=None)
        with ThreadPoolExecutor(8) as pool:
            jobs = [pool.submit(transform.to_display, pixels, is_float=True, file_colour_space=None) for _ in range(32)]
            for job in jobs:
                np.testing.assert_array_equal(job.result(), expected)
