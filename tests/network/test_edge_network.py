"""The edge network before training."""

from __future__ import annotations

import pytest
import torch
from scipy.ndimage import uniform_filter
from torch.nn import functional

from stcn_plugin.network.edges import BLOCK, EdgeNetwork, _enlarged_to_blocks, _planes, box, levelled


@pytest.mark.parametrize("size", [(16, 16), (64, 96)])
def test_an_untrained_network_returns_the_matte_as_it_is(size):
    """The probability after the default matte levels, of any size that is a multiple of 16."""
    generator = torch.Generator().manual_seed(1)
    probability = torch.rand(2, 1, *size, generator=generator)
    rgb = torch.rand(2, 3, *size, generator=generator)
    found = EdgeNetwork()(rgb, probability, torch.tensor([[2.0, 4.0], [4.5, 1.0]]))
    assert torch.equal(found, levelled(probability))


def test_levelled_has_the_levels_of_a_preset():
    values = torch.tensor([0.0, 0.15, 0.5, 0.85, 1.0])
    assert levelled(values).tolist() == pytest.approx([0, 0, 0.5, 1, 1], abs=1e-6)


def test_network_is_small():
    """At most 0.3 million parameters."""
    assert 100_000 < sum(parameter.numel() for parameter in EdgeNetwork().parameters()) < 300_000


@pytest.mark.parametrize("window", [1, 5, 11, 31])
def test_box_is_the_mean_of_what_is_inside(window):
    """scipy's filter of the plane and of ones, beyond the border 0; also if the window is larger than the plane."""
    x = torch.rand(2, 3, 17, 23, generator=torch.Generator().manual_seed(4))
    for found, plane in zip(box(x, window).flatten(0, 1), x.flatten(0, 1).double().numpy(), strict=True):
        inside = uniform_filter(torch.ones(17, 23).double().numpy(), window, mode="constant")
        expected = uniform_filter(plane, window, mode="constant") / inside
        torch.testing.assert_close(found.double(), torch.from_numpy(expected), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("shape", [(1, 3, 5, 7), (2, 1, 1, 4)])
def test_enlarged_blocks_are_a_bilinear_enlargement(shape):
    x = torch.rand(*shape, generator=torch.Generator().manual_seed(5))
    found = functional.pixel_shuffle(_enlarged_to_blocks(x), BLOCK)
    expected = functional.interpolate(x, scale_factor=BLOCK, mode="bilinear", align_corners=False)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_planes_are_contiguous_and_the_same(count, precision):
    x = torch.rand(count, 6, 5, 4).to(precision).contiguous(memory_format=torch.channels_last)
    found = _planes(x)
    assert found.dtype == torch.float32
    assert found.is_contiguous()
    assert torch.equal(found, x.float())
