"""Geometric augmentation, compared with computed positions."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stcn_plugin.training.warps import compose, placement, random_flow, random_spline, sample_crop

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


def cropped(source=SOURCE, *, size=SIDE, centre=MIDDLE, padding="zeros", displacement=None, **how):
    matrix = placement(size=size, centre=centre, **{"scale": 1.0, **how})
    return sample_crop(source, matrix, size=size, displacement=displacement, padding=padding)


def test_the_identity_crop_is_the_source():
    """Centred, not scaled, not rotated."""
    torch.testing.assert_close(cropped(), SOURCE, atol=1e-6, rtol=0)


def test_translation():
    """With a centre 2 pixels to the right and 1 up, pixels come from column x + 2 and row y - 1, or are 0."""
    expected = torch.zeros_like(SOURCE)
    expected[:, 1:, :-2] = SOURCE[:, :-1, 2:]
    torch.testing.assert_close(cropped(centre=(MIDDLE[0] + 2, MIDDLE[1] - 1)), expected, atol=1e-6, rtol=0)


def test_padding():
    """A crop outside the source is 0, or the mirrored source."""
    outside = (MIDDLE[0] + SIDE, MIDDLE[1])
    assert not cropped(centre=outside).any()
    torch.testing.assert_close(cropped(centre=outside, padding="reflection"), SOURCE.flip(2), atol=1e-5, rtol=0)


def test_scale_is_source_pixels_per_crop_pixel():
    """At scale 2, a crop of half the size is the source averaged over 2 x 2 pixels."""
    expected = torch.nn.functional.avg_pool2d(SOURCE, 2)
    torch.testing.assert_close(cropped(size=SIDE // 2, scale=2.0), expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("left", range(8))
def test_thin_parts_do_not_alias(left):
    """A line 2 pixels wide, scaled down by 6, covers a third of a pixel at any position."""
    source = torch.zeros(1, 96, 96)
    source[..., 30 + left : 32 + left] = 1
    crop = cropped(source, size=16, centre=(48, 48), scale=6.0)
    assert float(crop.sum()) == pytest.approx(16 / 3, rel=0.05)


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ({"mirrored": True}, SOURCE[:, 2, 1]),  # from 2.5 left of the centre
        ({"degrees": 90}, SOURCE[:, 6, 5]),  # (2.5, -1.5) rotates to (1.5, 2.5)
        ({"degrees": 90, "mirrored": True}, SOURCE[:, 1, 5]),  # mirrored first, (-2.5, -1.5), then (1.5, -2.5)
        ({"degrees": 180}, SOURCE[:, 5, 1]),
        ({"shear": 45.0}, SOURCE[:, 2, 4:6].mean(1)),  # (2.5 - 1.5, -1.5) is between two pixels
        ({"shear": -45.0}, SOURCE[:, 2, 7] / 2),  # (2.5 + 1.5, -1.5) is on the edge, half outside
    ],
)
def test_flip_rotation_and_shear(how, expected):
    """The source of the crop pixel 2.5 right of the centre and 1.5 above it."""
    torch.testing.assert_close(cropped(**how)[:, 2, 6], expected, atol=1e-5, rtol=0)


@given(first=placements, second=placements, point=st.tuples(st.floats(-50, 50), st.floats(-50, 50)))
def test_compose_applies_first_then_second(first, second, point):
    """For any two placements and any point."""
    expected = second @ [*(first @ [*point, 1]), 1]
    np.testing.assert_allclose(compose(first, second) @ [*point, 1], expected, rtol=1e-6, atol=1e-6)


def test_a_crop_of_a_crop_is_the_crop_of_the_composed_placement():
    """The inner placement is applied first, then the outer one."""
    inner = placement(size=SIDE, centre=(MIDDLE[0] + 1, MIDDLE[1]), scale=1.0, degrees=90)
    outer = placement(size=SIDE, centre=(MIDDLE[0], MIDDLE[1] - 2), scale=1.0, mirrored=True)
    twice = sample_crop(sample_crop(SOURCE, outer, size=SIDE, padding="zeros"), inner, size=SIDE, padding="zeros")
    once = sample_crop(SOURCE, compose(inner, outer), size=SIDE, padding="zeros")
    assert twice.any()
    torch.testing.assert_close(once, twice, atol=1e-5, rtol=0)


def test_displacement():
    """A pixel is displaced by ``(x, y)`` crop pixels."""
    displacement = torch.zeros(2, 4, 4)
    displacement[0, 1, 2], displacement[1, 1, 2] = 1, -1
    flat = cropped(size=4, scale=2.0)
    displaced = cropped(size=4, scale=2.0, displacement=displacement)
    expected = flat.clone()
    expected[:, 1, 2] = flat[:, 0, 3]
    torch.testing.assert_close(displaced, expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("random_displacement", [random_flow, random_spline])
def test_random_displacements_are_smooth_and_of_the_given_strength(random_displacement):
    """At the control points in the corners, the standard deviation is ``strength`` times the side."""
    drawn = torch.stack([random_displacement(np.random.default_rng(seed), 64, 0.05) for seed in range(150)])
    assert drawn.shape == (150, 2, 64, 64)
    corners = drawn[:, :, [0, 0, -1, -1], [0, -1, 0, -1]]
    assert float(corners.std()) == pytest.approx(0.05 * 64, rel=0.1)
    assert float(corners.mean()) == pytest.approx(0, abs=0.4)  # over 4 standard errors
    assert float(drawn.diff(dim=2).abs().max()) < 1.5
