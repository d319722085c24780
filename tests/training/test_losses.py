"""Losses and metric, compared with values computed by hand or with NumPy."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from stcn_plugin.training.losses import bootstrapped_cross_entropy, dice_loss, mean_iou, with_background


def shares(*objects: list[float]) -> torch.Tensor:
    """One predicted frame with one row of pixels: probabilities of the objects, with the background first."""
    rows = torch.tensor(objects)
    return torch.cat([1 - rows.sum(0, keepdim=True), rows])[None, None, :, None]


@pytest.fixture
def random():
    """Logits and target of two clips, two predicted frames, two slots, 4 x 5 pixels."""
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(2, 2, 3, 4, 5, generator=generator)
    return logits, torch.rand(2, 2, 3, 4, 5, generator=generator).softmax(2)


def test_cross_entropy_of_hard_and_soft_targets():
    """The negative log-likelihood, weighted by the target probabilities at soft edges."""
    logits = shares([0.8, 0.3, 0.5]).log()
    truth = shares([1.0, 0.0, 0.25])
    expected = -(math.log(0.8) + math.log(0.7) + math.log(0.5)) / 3
    assert float(bootstrapped_cross_entropy(logits, truth, fraction=1.0)) == pytest.approx(expected, rel=1e-5)


def test_bootstrapping_selects_the_pixels_with_the_highest_loss_per_frame():
    """Half of four pixels: the two worst of each frame."""
    logits = torch.cat([shares([0.9, 0.6, 0.8, 0.7]), shares([0.1, 0.2, 0.95, 0.99])], 1).log()
    truth = shares([1.0] * 4).expand(1, 2, -1, -1, -1)
    expected = -sum(map(math.log, [0.6, 0.7, 0.1, 0.2])) / 4
    assert float(bootstrapped_cross_entropy(logits, truth, fraction=0.5)) == pytest.approx(expected, rel=1e-5)


def test_bootstrapping_selects_at_least_one_pixel():
    """Even if the fraction is smaller than a pixel."""
    logits = shares([0.9, 0.6]).log()
    found = bootstrapped_cross_entropy(logits, shares([1.0, 1.0]), fraction=0.01)
    assert float(found) == pytest.approx(-math.log(0.6), rel=1e-5)


def test_dice_loss_averages_over_present_objects(random):
    """Compared with NumPy; empty slots are ignored."""
    logits, truth = random
    present = torch.tensor([[True, False], [True, True]])
    ours = np.exp(logits.numpy())
    ours /= ours.sum(2, keepdims=True)
    dice = [
        (2 * (ours[clip, frame, slot] * truth[clip, frame, slot].numpy()).sum() + 1)
        / (ours[clip, frame, slot].sum() + truth[clip, frame, slot].numpy().sum() + 1)
        for clip, slot in [(0, 1), (1, 1), (1, 2)]
        for frame in (0, 1)
    ]
    assert float(dice_loss(logits, truth, present, objects=3)) == pytest.approx(1 - np.mean(dice), rel=1e-5)


def test_objects_have_equal_weight_in_a_distributed_step(random):
    """With one object in one process and two in the other, the mean over the processes equals one process."""
    logits, truth = random
    present = torch.tensor([[True, False], [True, True]])
    for measure in (dice_loss, mean_iou):
        parts = [measure(logits[[i]], truth[[i]], present[[i]], objects=1.5) for i in range(2)]
        assert float(sum(parts) / 2) == pytest.approx(float(measure(logits, truth, present, objects=3)), rel=1e-6)


def test_dice_loss_of_perfect_and_wrong_predictions():
    """0 for a perfect prediction, even if both masks are empty; almost 1 for disjoint masks."""
    left, right = shares([1.0] * 50 + [0.0] * 50), shares([0.0] * 50 + [1.0] * 50)
    present = torch.tensor([[True]])
    confident = left * 60 - 30
    assert float(dice_loss(confident, left, present, objects=1)) == pytest.approx(0, abs=1e-5)
    assert float(dice_loss(confident, right, present, objects=1)) == pytest.approx(1 - 1 / 101, abs=1e-5)
    nothing = shares([0.0] * 100)
    assert float(dice_loss(nothing * 60 - 30, nothing, present, objects=1)) == pytest.approx(0, abs=1e-5)


def test_a_gradient_step_reduces_both_losses(random):
    """A small step along the negative gradient."""
    logits, truth = random
    logits.requires_grad_()
    present = torch.ones(2, 2, dtype=torch.bool)
    for loss in (
        lambda x: bootstrapped_cross_entropy(x, truth, fraction=0.3),
        lambda x: dice_loss(x, truth, present, objects=4),
    ):
        (gradient,) = torch.autograd.grad(before := loss(logits), logits)
        assert loss(logits - 0.1 * gradient) < before


def test_mean_iou():
    """IoU 2/3 for one object and 1 for an object that is correctly empty; the empty slot is ignored."""
    ours = shares([0.9, 0.6, 0.4, 0.1], [0.0, 0.1, 0.2, 0.0], [0.0, 0.0, 0.1, 0.8])
    truth = shares([1.0, 1.0, 1.0, 0.0], [0.0] * 4, [0.0] * 4)
    present = torch.tensor([[True, True, False]])
    assert float(mean_iou(ours.log(), truth, present, objects=2)) == pytest.approx((2 / 3 + 1) / 2)


def test_background_and_objects_sum_to_one():
    """Objects whose coverage exceeds 1 are normalised."""
    masks = torch.tensor([[0.25, 1.0, 1.0], [0.5, 0.0, 1.0]])[None, None, :, None]
    found = with_background(masks)[0, 0, :, 0]
    torch.testing.assert_close(found, torch.tensor([[0.25, 0.0, 0.0], [0.25, 1.0, 0.5], [0.5, 0.0, 0.5]]))
