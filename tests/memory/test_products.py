"""Products in blocks are products."""

from __future__ import annotations

import pytest
import torch

from stcn_plugin.memory.products import product
from stcn_plugin.threads import same_threads_after


def matrices(pixels: int, *, dtype: torch.dtype = torch.float32) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(pixels)
    return torch.randn(pixels, 65, generator=generator).to(dtype), torch.randn(65, 90, generator=generator).to(dtype)


@pytest.mark.parametrize("pixels", [1, 127, 128, 129, 700])
@pytest.mark.parametrize("threads", [1, 3])
def test_product_equals_that_in_double_precision(pixels, threads):
    left, right = matrices(pixels)
    with same_threads_after():
        torch.set_num_threads(threads)
        found = product(left, right)
        assert torch.get_num_threads() == threads
    torch.testing.assert_close(found.double(), left.double() @ right.double(), atol=1e-4, rtol=1e-5)


@pytest.mark.parametrize("threads", [1, 3])
def test_product_fills_a_buffer_in_inference_mode(threads):
    """Threads of a pool are not in the mode of the thread that calls."""
    left, right = matrices(300)
    with same_threads_after(), torch.inference_mode():
        torch.set_num_threads(threads)
        out = torch.empty(300, 90)
        assert product(left.clone(), right.clone(), out=out) is out
    torch.testing.assert_close(out, left @ right)


def test_product_has_gradients():
    left, right = (each.requires_grad_() for each in matrices(300))
    product(left, right).sum().backward()
    torch.testing.assert_close(left.grad, right.detach().sum(1).expand(300, -1))
    torch.testing.assert_close(right.grad, left.detach().sum(0)[:, None].expand(-1, 90))


def test_product_keeps_the_number_format():
    left, right = matrices(300, dtype=torch.bfloat16)
    found = product(left, right)
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found.float(), left.float() @ right.float(), atol=0.2, rtol=0.02)


def test_shapes_must_fit():
    left, right = matrices(300)
    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        product(left, right[:64])
