"""The EfficientNet key encoder accepts every multiple of 16, although its deepest features are at stride 32."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from stcn_plugin.network.efficientnet import KeyEncoder, SameConv2d


@pytest.mark.parametrize(("kernel", "stride"), [(5, 2), (3, 2)])
def test_odd_sizes_are_padded_with_a_line_of_zeros(kernel, stride):
    """A convolution for odd sizes rounds up; even sizes give the same result as without ``odd``."""
    torch.manual_seed(3)
    even, odd = (SameConv2d(4, 6, kernel=kernel, stride=stride, odd=odd) for odd in (False, True))
    odd.load_state_dict(even.state_dict())
    x = torch.rand(1, 4, 7, 10)
    expected = even(functional.pad(x, (0, 0, 0, 1)))
    assert expected.shape == (1, 6, 4, 5)
    torch.testing.assert_close(odd(x), expected)
    torch.testing.assert_close(odd(x[:, :, :6]), even(x[:, :, :6]))


@pytest.mark.parametrize(("height", "width"), [(64, 96), (48, 96), (48, 80), (16, 16)])
def test_stride_16_features_include_upsampled_stride_32_features(height, width):
    """112 channels from stride 16, and 80 from stride 32, upsampled and cropped."""
    torch.manual_seed(5)
    encoder = KeyEncoder().eval()
    with torch.no_grad():
        f16, f8, f4 = encoder(torch.randn(1, 3, height, width))
        deepest = encoder.blocks[6](encoder.blocks[5](f16[:, :112]))
    assert (f8.shape, f4.shape) == ((1, 40, height // 8, width // 8), (1, 24, height // 4, width // 4))
    assert f16.shape == (1, 192, height // 16, width // 16)
    assert deepest.shape == (1, 320, -(-height // 32), -(-width // 32))
    doubled = functional.interpolate(encoder.deep(deepest), scale_factor=2, mode="bilinear")
    torch.testing.assert_close(f16[:, 112:], doubled[..., : height // 16, : width // 16])
