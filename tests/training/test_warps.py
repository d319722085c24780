"""Where each pixel of a crop comes from, by arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stcn_plugin.training.warps import after, cut, flow_bend, placement, spline_bend

SIDE = 8
SOURCE = torch.rand(2, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
MIDDLE = (SIDE / 2, SIDE / 2)

placements = st.builds(
    placement,
    size=st.just(SIDE),
    centre=st.tuples(st.floats(-20, 20), st.floats(-20, 20)),
    scale=st.floats(0.2, 5),
    degrees=st.floats(-180, 180),
    shear=st.floats(-60, 60),
    mirrored=st.booleans(),
)


def cropped(source=SOURCE, *, size=SIDE, centre=MIDDLE, beyond="zeros", bend=None, **how):
    place = placement(size=size, centre=centre, **{"scale": 1.0, **how})
    return cut(source, place, size=size, bend=bend, beyond=beyond)


def test_a_crop_that_moves_nothing_is_the_source():
    """Centred, unscaled and unturned, every pixel is the source's own."""
    torch.testing.assert_close(cropped(), SOURCE, atol=1e-6, rtol=0)


def test_a_shift_takes_pixels_from_where_the_crop_lies():
    """A centre 2 to the right and 1 up takes column x + 2 and row y - 1; what lies outside is 0."""
    expected = torch.zeros_like(SOURCE)
    expected[:, 1:, :-2] = SOURCE[:, :-1, 2:]
    torch.testing.assert_close(cropped(centre=(MIDDLE[0] + 2, MIDDLE[1] - 1)), expected, atol=1e-6, rtol=0)


def test_beyond_the_source_lies_its_reflection_or_nothing():
    """A crop wholly outside is black with zeros; with reflection it is the neighbouring half, mirrored."""
    outside = (MIDDLE[0] + SIDE, MIDDLE[1])
    assert not cropped(centre=outside).any()
    torch.testing.assert_close(cropped(centre=outside, beyond="reflection"), SOURCE.flip(2), atol=1e-5, rtol=0)


def test_scale_is_pixels_of_the_source_per_pixel_of_the_crop():
    """At scale 2 a crop of half the side sees the whole source, each pixel the mean of the four around it."""
    expected = torch.nn.functional.avg_pool2d(SOURCE, 2)
    torch.testing.assert_close(cropped(size=SIDE // 2, scale=2.0), expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("left", range(8))
def test_a_thin_part_is_as_much_of_a_small_crop_wherever_it_lies(left):
    """A line two pixels wide, seen at a sixth of its size, covers a third of a pixel's width and never vanishes."""
    source = torch.zeros(1, 96, 96)
    source[..., 30 + left : 32 + left] = 1
    crop = cropped(source, size=16, centre=(48, 48), scale=6.0)
    assert float(crop.sum()) == pytest.approx(16 / 3, rel=0.05)


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ({"mirrored": True}, SOURCE[:, 2, 1]),  # from 2.5 left of the middle
        ({"degrees": 90}, SOURCE[:, 6, 5]),  # (2.5, -1.5) turns into (1.5, 2.5)
        ({"degrees": 90, "mirrored": True}, SOURCE[:, 1, 5]),  # mirrored first, (-2.5, -1.5), then (1.5, -2.5)
        ({"degrees": 180}, SOURCE[:, 5, 1]),
        ({"shear": 45.0}, SOURCE[:, 2, 4:6].mean(1)),  # (2.5 - 1.5, -1.5) is just between two pixels
        ({"shear": -45.0}, SOURCE[:, 2, 7] / 2),  # (2.5 + 1.5, -1.5) is on the edge: half of it is outside
    ],
)
def test_a_pixel_comes_from_where_arithmetic_says(how, expected):
    """The pixel 2.5 right of the middle and 1.5 above it, of a crop that is mirrored, turned or sheared."""
    torch.testing.assert_close(cropped(**how)[:, 2, 6], expected, atol=1e-5, rtol=0)


@given(first=placements, second=placements, point=st.tuples(st.floats(-50, 50), st.floats(-50, 50)))
def test_a_composed_placement_is_one_after_the_other(first, second, point):
    """For any two placements and any point."""
    apart = second @ [*(first @ [*point, 1]), 1]
    np.testing.assert_allclose(after(first, second) @ [*point, 1], apart, rtol=1e-6, atol=1e-6)


def test_a_crop_of_a_crop_is_the_crop_by_both_placements():
    """Pictures agree with the algebra: the first placement is that of the crop, the second that of what it is cut from."""
    inner = placement(size=SIDE, centre=(MIDDLE[0] + 1, MIDDLE[1]), scale=1.0, degrees=90)
    outer = placement(size=SIDE, centre=(MIDDLE[0], MIDDLE[1] - 2), scale=1.0, mirrored=True)
    twice = cut(cut(SOURCE, outer, size=SIDE, beyond="zeros"), inner, size=SIDE, beyond="zeros")
    once = cut(SOURCE, after(inner, outer), size=SIDE, beyond="zeros")
    assert twice.any()
    torch.testing.assert_close(once, twice, atol=1e-5, rtol=0)


def test_a_bend_moves_pixels_of_the_crop():
    """Each pixel comes from as far away as its own displacement says, in pixels of the crop, x before y."""
    bend = torch.zeros(2, 4, 4)
    bend[0, 1, 2], bend[1, 1, 2] = 1, -1
    flat = cropped(size=4, scale=2.0)
    bent = cropped(size=4, scale=2.0, bend=bend)
    expected = flat.clone()
    expected[:, 1, 2] = flat[:, 0, 3]
    torch.testing.assert_close(bent, expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("bend", [flow_bend, spline_bend])
def test_random_bends_are_smooth_and_as_strong_as_asked(bend):
    """At the knots in the corners displacements spread by ``strength`` of the side; neighbours hardly differ."""
    drawn = torch.stack([bend(np.random.default_rng(seed), 64, 0.05) for seed in range(150)])
    assert drawn.shape == (150, 2, 64, 64)
    corners = drawn[:, :, [0, 0, -1, -1], [0, -1, 0, -1]]
    assert float(corners.std()) == pytest.approx(0.05 * 64, rel=0.1)
    assert float(corners.mean()) == pytest.approx(0, abs=0.4)
    assert float(drawn.diff(dim=2).abs().max()) < 1.5
