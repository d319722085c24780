"""Grow, shrink and feather, against analytic shapes, scipy and OpenImageIO."""

from __future__ import annotations

import numpy as np
import OpenImageIO as oiio
import pytest
from scipy import ndimage

from stcn_plugin.matte.edges import feather, grow


def disc(radius, softness, *, shape=(160, 170), aspect=1.0):
    """Return a disc whose edge is a ramp of ``softness`` pixels, centred on its radius."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    distance = np.hypot(y - shape[0] / 2, (x - shape[1] / 2) * aspect)
    return np.clip((radius - distance) / softness + 0.5, 0, 1).astype(np.float32)


def edge(position, softness, degrees=0.0, *, side=64):
    """Return a straight soft edge through a point ``position`` pixels from the centre."""
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    along = x * np.cos(np.radians(degrees)) + y * np.sin(np.radians(degrees))
    return np.clip((position - along) / softness + 0.5, 0, 1).astype(np.float32)


def noise(*shape, seed=0):
    return np.random.default_rng(seed).random(shape, np.float32)


@pytest.mark.parametrize("pixels", [0.25, 0.5, -0.5, 1, -1.5, 3.3, -7.2, 12])
@pytest.mark.parametrize("softness", [4, 10])
def test_a_disc_keeps_its_softness(pixels, softness):
    """A soft disc becomes the disc of the new radius with the same edge, within 3 % of a pixel on average."""
    found, wanted = grow(disc(40, softness), pixels), disc(40 + pixels, softness)
    assert found.dtype == np.float32
    # The ramp has kinks, which interpolation between pixels rounds off: less with a softer edge.
    np.testing.assert_allclose(found, wanted, rtol=0, atol=0.25 / softness)
    area = np.pi * (40 + pixels) ** 2
    assert found.sum(dtype=float) - wanted.sum(dtype=float) == pytest.approx(0, abs=0.0035 * area)
    band = (found > 0.3) & (found < 0.7)
    assert np.abs(found - wanted)[band].mean() < 0.03 / softness * 2


@pytest.mark.parametrize("degrees", [0, 10, 22.5, 30, 45, 67, 90, 135])
@pytest.mark.parametrize("pixels", [0.5, 2, -3.7])
def test_a_straight_edge_moves_by_the_distance(degrees, pixels):
    """In all directions, to 5 % of a pixel, in the middle of its ramp."""
    found, wanted = grow(edge(0, 8, degrees), pixels), edge(pixels, 8, degrees)
    inner = np.s_[12:-12, 12:-12]
    middle = (wanted[inner] > 0.25) & (wanted[inner] < 0.75)
    assert np.abs(found[inner] - wanted[inner])[middle].max() * 8 < 0.05


@pytest.mark.parametrize("degrees", [0, 30, 45])
@pytest.mark.parametrize("pixels", [0.5, -0.5])
def test_half_a_pixel_twice_is_a_pixel(degrees, pixels):
    """On a straight soft edge."""
    once, twice = grow(edge(0, 6, degrees), 2 * pixels), grow(grow(edge(0, 6, degrees), pixels), pixels)
    np.testing.assert_allclose(twice[8:-8, 8:-8], once[8:-8, 8:-8], rtol=0, atol=0.05)
    assert twice[8:-8, 8:-8].mean() == pytest.approx(once[8:-8, 8:-8].mean(), abs=1e-3)


def test_a_hard_edge_moves_by_a_fraction():
    """The pixel that the edge now crosses has the covered fraction."""
    hard = np.repeat([[1, 1, 1, 1, 0, 0, 0, 0]], 8, 0).astype(np.float32)
    np.testing.assert_allclose(grow(hard, 1.25)[4], [1, 1, 1, 1, 1, 0.25, 0, 0], atol=1e-6)
    np.testing.assert_allclose(grow(hard, -1.25)[4], [1, 1, 0.75, 0, 0, 0, 0, 0], atol=1e-6)
    np.testing.assert_allclose(grow(hard.T, 0.5).T[4], [1, 1, 1, 1, 0.5, 0, 0, 0], atol=1e-6)


@pytest.mark.parametrize("pixels", [1, 2.5, 4, 9])
def test_grow_is_between_two_dilations(pixels):
    """At least the maximum over the pixels of the disc, at most that over all pixels that touch it; as scipy has it."""
    values = noise(60, 70)
    y, x = np.mgrid[-12:13, -12:13]
    inner = ndimage.grey_dilation(values, footprint=np.hypot(y, x) <= pixels, mode="nearest")
    outer = ndimage.grey_dilation(values, footprint=np.hypot(y, x) < pixels + np.sqrt(2), mode="nearest")
    found = grow(values, pixels)
    assert (found >= inner).all()
    assert (found <= outer + 1e-6).all()
    # A matte of isolated pixels shows the disc itself.
    dots = np.zeros((60, 70), np.float32)
    dots[30, 35] = 1
    wanted = ndimage.grey_dilation(dots, footprint=np.hypot(y, x) <= pixels)
    np.testing.assert_array_equal(grow(dots, pixels) == 1, wanted == 1)


def test_a_pixel_agrees_with_openimageio():
    """Its square of 3 x 3 is the disc's cross and corners, so a straight edge moves by the same pixel."""
    matte = edge(0, 5)
    image = oiio.ImageBuf(np.ascontiguousarray(matte[..., None]))
    for pixels, operation in ((1, oiio.ImageBufAlgo.dilate), (-1, oiio.ImageBufAlgo.erode)):
        other = operation(image, 3, 3).get_pixels(oiio.FLOAT)[..., 0]
        np.testing.assert_allclose(grow(matte, pixels)[4:-4, 4:-4], other[4:-4, 4:-4], rtol=0, atol=1e-6)


def test_shrink_is_growth_of_the_background():
    """For any values."""
    values = noise(50, 60)
    for pixels in (1, 1.5, 3):
        np.testing.assert_allclose(grow(values, -pixels), 1 - grow(1 - values, pixels), rtol=0, atol=1e-6)


def test_pixel_aspect_makes_discs_of_the_picture():
    """A disc of an anamorphic plate, which is half as wide in pixels, grows by half as many pixels across."""
    found = grow(disc(40, 8, aspect=2), 3, pixel_aspect=2)
    np.testing.assert_allclose(found, disc(43, 8, aspect=2), rtol=0, atol=0.07)


def test_the_border_of_the_frame_is_not_an_edge():
    """An object that leaves the frame is not eaten away there, and a solid frame stays solid."""
    solid = np.ones((30, 40), np.float32)
    half = solid.copy()
    half[:, 20:] = 0
    for matte in (solid, half, np.zeros_like(solid)):
        for change in (lambda m: grow(m, -3), lambda m: grow(m, 3), lambda m: feather(m, 4)):
            rows = change(matte)
            np.testing.assert_array_equal(rows, np.repeat(rows[15:16], 30, 0))
    np.testing.assert_array_equal(grow(solid, -5), solid)
    assert grow(half, -3)[0].tolist() == [1] * 17 + [0] * 23


@pytest.mark.parametrize("change", [lambda m: grow(m, 2.3), lambda m: grow(m, -9), lambda m: feather(m, 6.5)])
def test_tiles_have_no_seams(change, monkeypatch):
    """The result does not depend on the size of the tiles."""
    matte = np.clip(ndimage.gaussian_filter(noise(300, 290), 4) * 14 - 6.5, 0, 1)
    whole = change(matte)
    monkeypatch.setattr("stcn_plugin.matte.edges._TILE", 37)
    np.testing.assert_array_equal(change(matte), whole)
    np.testing.assert_allclose(change(matte.T).T, whole, rtol=0, atol=1e-6)


@pytest.mark.parametrize("degrees", [0, 45])
@pytest.mark.parametrize("pixels", [1, 4, 7.5])
def test_feather_keeps_the_middle_of_the_edge(degrees, pixels):
    """A straight edge stays where it is, solid areas stay exactly solid, and softness reaches as far as it says."""
    hard = edge(0, 1, degrees)
    found = feather(hard, pixels)[12:-12, 12:-12]
    assert found.mean() == pytest.approx(hard[12:-12, 12:-12].mean(), abs=1e-3)
    if degrees == 0:
        reach = np.arange(12, 52) - 31.5
        assert (found[:, reach <= -pixels - 1] == 1).all()
        assert (found[:, reach >= pixels + 1] == 0).all()
        assert (np.diff(found[20]) <= 0).all()
        assert 0 < found[20, np.argmax(reach >= pixels - 1)] < 0.1


def test_feather_is_the_integral_of_a_raised_cosine():
    """On a hard edge: its primitive, averaged over the pixels."""
    radius, hard = 8, np.repeat([[1.0] * 32 + [0.0] * 32], 9, 0).astype(np.float32)
    x = np.clip((np.arange(6400) + 0.5) / 100 - 32, -radius, radius)
    primitive = (x + radius / np.pi * np.sin(np.pi * x / radius)) / (2 * radius) + 0.5
    wanted = 1 - np.interp(np.arange(64) + 0.5 - 32, x, primitive)
    np.testing.assert_allclose(feather(hard, radius)[4], wanted, rtol=0, atol=2e-3)


@pytest.mark.parametrize("softness", [1, 5])
@pytest.mark.parametrize("pixels", [2, 6])
def test_feather_on_one_side(softness, pixels):
    """Outside keeps the solid core and inside the clean background, each with softness on the other side."""
    matte = disc(40, softness)
    outside, inside = feather(matte, pixels, side="outside"), feather(matte, pixels, side="inside")
    assert (outside >= matte).all()
    assert (inside <= matte).all()
    far = disc(40 + pixels + softness / 2 + 1.5, 1) == 0
    assert (outside[far] == 0).all()
    assert (inside[disc(40 - pixels - softness / 2 - 1.5, 1) == 1] == 1).all()
    ring = (disc(40 + pixels - 0.5, 0.01) > 0) & (matte == 0)
    assert (outside[ring] > 0).all()
    np.testing.assert_allclose(inside, 1 - feather(1 - matte, pixels, side="outside"), rtol=0, atol=1e-6)


def test_nothing_changes_the_input():
    """The results are new arrays."""
    matte = disc(30, 3)
    before = matte.copy()
    for found in (grow(matte, 0), grow(matte, 2), feather(matte, 0), feather(matte, 2, side="inside")):
        found[:] = 0.5
        np.testing.assert_array_equal(matte, before)
