"""Images and masks of callers: shapes, number formats, ranges and the internal size."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from stcn_plugin.propagation.images import check_range, image_tensor, internal_size, mask_tensors, reduce

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("plate", "aspect", "size", "expected"),
    [
        ((1920, 1080), 1.0, "480", (480, 853)),
        ((1080, 1920), 1.0, "480", (853, 480)),
        ((3840, 2160), 1.0, "native", (2160, 3840)),
        ((1920, 1080), 1.0, "0.5MP", (530, 943)),
        ((640, 360), 1.0, "480", (360, 640)),
        ((1828, 1556), 2.0, "480", (480, 1128)),
        ((1440, 1080), 4 / 3, "1080", (810, 1440)),
        ((1828, 1556), 2.0, "native", (1556, 1828)),
        ((720, 576), 0.9, "576", (576, 648)),
    ],
)
def test_internal_size(plate, aspect, size, expected):
    """Squeezed pixels become square, sides keep their ratio, and nothing is ever enlarged."""
    assert internal_size(plate[::-1], pixel_aspect=aspect, size=size) == expected


PIXELS = np.arange(3 * 4 * 5, dtype=np.uint8).reshape(4, 5, 3)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_arrays_and_tensors_of_every_format_give_the_same_image(dtype):
    """uint8 is divided by 255; floating point is taken as it is; arrays have their channels last."""
    expected = torch.from_numpy(PIXELS).permute(2, 0, 1).float() / 255
    values = (PIXELS / 255).astype(dtype)
    for image in (PIXELS, torch.from_numpy(PIXELS).permute(2, 0, 1)):
        assert torch.equal(image_tensor(image, CPU), expected)
    for image in (values, torch.from_numpy(values).permute(2, 0, 1)):
        found = image_tensor(image, CPU)
        assert found.dtype == torch.float32
        torch.testing.assert_close(found, expected, rtol=0, atol=float(np.finfo(dtype).eps))


def test_reversed_and_read_only_arrays_are_read():
    """BGR arrays turned with a negative stride, and arrays that other code owns."""
    frozen = PIXELS[..., ::-1]
    frozen.flags.writeable = False
    assert torch.equal(image_tensor(frozen, CPU), image_tensor(PIXELS, CPU).flip(0))


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (PIXELS.transpose(2, 0, 1), r"array of shape \(H, W, 3\), got \(3, 4, 5\)"),
        (PIXELS[..., 0], r"array of shape \(H, W, 3\), got \(4, 5\)"),
        (PIXELS[:0], r"array of shape \(H, W, 3\), got \(0, 5, 3\)"),
        (torch.from_numpy(PIXELS), r"tensor of shape \(3, H, W\), got \(4, 5, 3\)"),
        (torch.zeros(1, 3, 4, 5), r"tensor of shape \(3, H, W\), got \(1, 3, 4, 5\)"),
        (PIXELS.astype(np.int32), "uint8, or floating point in 0-1, got int32"),
    ],
)
def test_images_of_another_shape_or_format_are_refused(image, message):
    """The error names the expected layout and the actual one."""
    with pytest.raises(ValueError, match=message):
        image_tensor(image, CPU)


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (np.ones((5, 4), bool), r"the mask of 'hero' must have the shape of its image, \(4, 5\), got \(5, 4\)"),
        (torch.ones(1, 4, 5), r"the shape of its image, \(4, 5\), got \(1, 4, 5\)"),
        (np.full((4, 5), 255, np.uint8), "boolean, or floating point in 0-1, got uint8; pass mask > 127"),
        (torch.ones(4, 5, dtype=torch.long), "got int64; pass .* mask == index"),
        (np.full((4, 5), 255.0), "the mask of 'hero' must have values in 0-1, got 255 to 255"),
        (np.full((4, 5), np.nan), "values in 0-1, got nan"),
    ],
)
def test_masks_of_another_shape_format_or_range_are_refused(mask, message):
    """The error names the object; integers are refused because they may be coverage or indices."""
    with pytest.raises(ValueError, match=message):
        mask_tensors({"hero": mask}, (4, 5), CPU)


def test_masks_become_float32():
    """Boolean and floating point masks, of arrays and tensors, keep their values."""
    soft = np.linspace(0, 1, 20).reshape(4, 5)
    found = mask_tensors({"soft": soft, "hard": torch.from_numpy(soft > 0.5)}, (4, 5), CPU)
    torch.testing.assert_close(found["soft"], torch.from_numpy(soft).float(), rtol=0, atol=0)
    assert found["hard"].sum() == 10
    assert {mask.dtype for mask in found.values()} == {torch.float32}


def test_the_range_allows_rounding_only():
    """A filter may overshoot by a thousandth; a percent is an error."""
    check_range(torch.tensor([-0.0005, 1.0005]), "x")
    for values in ([0.0, 1.01], [-0.01, 1.0], [0.5, float("nan")]):
        with pytest.raises(ValueError, match="x must have values in 0-1"):
            check_range(torch.tensor(values), "x")


def test_reducing_averages_and_keeps_the_same_size():
    """Stripes one pixel wide become their mean, not a pattern; a plane that has the size is returned as it is."""
    stripes = torch.tensor([0.0, 1.0]).repeat(32).expand(2, 16, 64)
    assert reduce(stripes, (16, 64)) is stripes
    torch.testing.assert_close(reduce(stripes, (4, 16))[..., 2:-2], torch.full((2, 4, 12), 0.5), rtol=0, atol=1e-5)
