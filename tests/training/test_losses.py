"""What training makes smaller, against numbers worked out by hand or by numpy."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from stcn_plugin.training.losses import hardest_cross_entropy, mean_overlap, overlap_loss, with_background


def shares(*objects: list[float]) -> torch.Tensor:
    """One clip of one predicted frame with a row of pixels: each object's shares, the background's before them."""
    rows = torch.tensor(objects)
    return torch.cat([1 - rows.sum(0, keepdim=True), rows])[None, None, :, None]


@pytest.fixture
def random():
    """Two clips of two predicted frames, two slots, 4 x 5 pixels: logits and truth."""
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(2, 2, 3, 4, 5, generator=generator)
    return logits, torch.rand(2, 2, 3, 4, 5, generator=generator).softmax(2)


def test_cross_entropy_is_minus_the_logarithm_of_what_the_truth_got():
    """A pixel that got 0.8 of its truth costs -log 0.8; where the truth is a soft edge, each side counts by its share."""
    logits = shares([0.8, 0.3, 0.5]).log()
    truth = shares([1.0, 0.0, 0.25])
    expected = -(math.log(0.8) + math.log(0.7) + math.log(0.5)) / 3
    assert float(hardest_cross_entropy(logits, truth, fraction=1.0)) == pytest.approx(expected, rel=1e-5)


def test_only_the_hardest_pixels_of_each_frame_count():
    """Of four pixels a frame, half: the two worst of the one frame and the two worst of the other."""
    logits = torch.cat([shares([0.9, 0.6, 0.8, 0.7]), shares([0.1, 0.2, 0.95, 0.99])], 1).log()
    truth = shares([1.0] * 4).expand(1, 2, -1, -1, -1)
    expected = -sum(map(math.log, [0.6, 0.7, 0.1, 0.2])) / 4
    assert float(hardest_cross_entropy(logits, truth, fraction=0.5)) == pytest.approx(expected, rel=1e-5)


def test_a_fraction_of_less_than_a_pixel_is_the_hardest_one():
    """However small the fraction, something is learnt from."""
    logits = shares([0.9, 0.6]).log()
    found = hardest_cross_entropy(logits, shares([1.0, 1.0]), fraction=0.01)
    assert float(found) == pytest.approx(-math.log(0.6), rel=1e-5)


def test_overlap_is_soft_dice_of_the_objects_that_are_there(random):
    """As numpy computes it from the shares, over objects and frames; empty slots do not count."""
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
    assert float(overlap_loss(logits, truth, present, objects=3)) == pytest.approx(1 - np.mean(dice), rel=1e-5)


def test_processes_that_share_a_step_weigh_its_objects_alike(random):
    """One has a clip of one object, the other one of two: the mean of what they find is what one process finds."""
    logits, truth = random
    present = torch.tensor([[True, False], [True, True]])
    for measure in (overlap_loss, mean_overlap):
        parts = [measure(logits[[i]], truth[[i]], present[[i]], objects=1.5) for i in range(2)]
        assert float(sum(parts) / 2) == pytest.approx(float(measure(logits, truth, present, objects=3)), rel=1e-6)


def test_a_perfect_prediction_costs_nothing_and_a_wrong_one_all():
    """Overlap loss is 0 where masks are the truth, also where both are empty, and nears 1 where they miss each other."""
    left, right = shares([1.0] * 50 + [0.0] * 50), shares([0.0] * 50 + [1.0] * 50)
    present = torch.tensor([[True]])
    certain = left * 60 - 30
    assert float(overlap_loss(certain, left, present, objects=1)) == pytest.approx(0, abs=1e-5)
    assert float(overlap_loss(certain, right, present, objects=1)) == pytest.approx(1 - 1 / 101, abs=1e-5)
    nothing = shares([0.0] * 100)
    assert float(overlap_loss(nothing * 60 - 30, nothing, present, objects=1)) == pytest.approx(0, abs=1e-5)


def test_both_losses_have_gradients_that_lead_downwards(random):
    """A small step against the gradient makes each loss smaller."""
    logits, truth = random
    logits.requires_grad_()
    present = torch.ones(2, 2, dtype=torch.bool)
    for loss in (
        lambda x: hardest_cross_entropy(x, truth, fraction=0.3),
        lambda x: overlap_loss(x, truth, present, objects=4),
    ):
        (gradient,) = torch.autograd.grad(before := loss(logits), logits)
        assert loss(logits - 0.1 * gradient) < before


def test_mean_overlap_is_intersection_over_union():
    """Masks cut at a half: two of three pixels agree for one object, the other is rightly nowhere; empty slots are left out."""
    ours = shares([0.9, 0.6, 0.4, 0.1], [0.0, 0.1, 0.2, 0.0], [0.0, 0.0, 0.1, 0.8])
    truth = shares([1.0, 1.0, 1.0, 0.0], [0.0] * 4, [0.0] * 4)
    present = torch.tensor([[True, True, False]])
    assert float(mean_overlap(ours.log(), truth, present, objects=2)) == pytest.approx((2 / 3 + 1) / 2)


def test_background_is_what_no_object_covers():
    """Background and objects add up to 1; objects that overlap to more share what there is."""
    masks = torch.tensor([[0.25, 1.0, 1.0], [0.5, 0.0, 1.0]])[None, None, :, None]
    found = with_background(masks)[0, 0, :, 0]
    torch.testing.assert_close(found, torch.tensor([[0.25, 0.0, 0.0], [0.25, 1.0, 0.5], [0.5, 0.0, 0.5]]))
