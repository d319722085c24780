"""J and F compared with counted pixels, a plain dilation, and the DAVIS 2017 toolkit."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import binary_dilation

from stcn_plugin.evaluation.hard import boundary, boundary_accuracy, mask_of, region_overlap, tolerance_in_pixels


def rectangle(shape: tuple[int, int], top: int, left: int, bottom: int, right: int) -> np.ndarray:
    mask = np.zeros(shape, bool)
    mask[top:bottom, left:right] = True
    return mask


def ripple(shape: tuple[int, int], row: int, column: int, radius: float, lobes: int, depth: float) -> np.ndarray:
    """A disk with a wavy edge of ``lobes`` periods."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    edge = radius * (1 + depth * np.sin(lobes * np.arctan2(y - row, x - column)))
    return np.asarray(np.hypot(y - row, x - column) <= edge)


def blobs(generator: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Random rectangular patches."""
    cell = int(generator.integers(1, 25))
    cells = generator.random((shape[0] // cell + 1, shape[1] // cell + 1)) > 0.5
    return np.kron(cells, np.ones((cell, cell), bool))[: shape[0], : shape[1]]


def dilated_accuracy(mask: np.ndarray, truth: np.ndarray) -> float:
    """F by its definition: dilation of whole images with a disk."""
    radius = int(np.ceil(0.008 * np.linalg.norm(mask.shape)))
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    disk = x * x + y * y <= radius * radius
    ours, theirs = boundary(mask), boundary(truth)
    if not ours.any() or not theirs.any():
        return float(ours.any() == theirs.any())
    precision = (ours & binary_dilation(theirs, disk)).sum() / ours.sum()
    recall = (theirs & binary_dilation(ours, disk)).sum() / theirs.sum()
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def test_half_coverage_is_inside() -> None:
    """0.5 is inside; the half-float just below it is not."""
    below = np.nextafter(np.float16(0.5), np.float16(0))
    assert mask_of(np.array([[0.0, below, 0.5, 1.0]], np.float32)).tolist() == [[False, False, True, True]]


def test_overlap_counts_pixels() -> None:
    """A 4x4 square moved by one pixel right and down shares 9 of 23 pixels."""
    shape = (10, 10)
    assert region_overlap(rectangle(shape, 2, 2, 6, 6), rectangle(shape, 3, 3, 7, 7)) == 9 / 23


def test_overlap_of_empty_masks() -> None:
    """Two empty masks overlap completely; an empty and a filled one do not overlap."""
    empty, filled = np.zeros((4, 5), bool), np.ones((4, 5), bool)
    assert region_overlap(empty, empty) == 1.0
    assert region_overlap(empty, filled) == 0.0
    assert region_overlap(filled, empty) == 0.0


def test_the_boundary_is_on_the_side_of_the_origin() -> None:
    """The boundary of one pixel is that pixel and its neighbours to the left, above, and above to the left."""
    mask = rectangle((4, 4), 2, 2, 3, 3)
    expected = rectangle((4, 4), 1, 1, 3, 3)
    np.testing.assert_array_equal(boundary(mask), expected)


def test_the_edge_of_the_image_is_not_a_boundary() -> None:
    """A mask that fills the image has no boundary; one that fills the lower half has one row."""
    assert not boundary(np.ones((5, 6), bool)).any()
    np.testing.assert_array_equal(boundary(rectangle((6, 4), 3, 0, 6, 4)), rectangle((6, 4), 2, 0, 3, 4))


def test_boundary_within_the_tolerance_is_perfect() -> None:
    """At 100x100 the tolerance is 2 pixels: an edge off by 2 scores 1, an edge off by 3 scores 0."""
    shape = (100, 100)
    assert tolerance_in_pixels(shape) == 2
    truth = rectangle(shape, 40, 0, 100, 100)
    assert boundary_accuracy(rectangle(shape, 42, 0, 100, 100), truth) == 1.0
    assert boundary_accuracy(rectangle(shape, 43, 0, 100, 100), truth) == 0.0


def test_boundary_precision_and_recall_are_balanced() -> None:
    """A full-width edge against a truth with that edge and an equal one far away: precision 1, recall 1/2, F 2/3."""
    shape = (100, 100)
    truth = rectangle(shape, 20, 0, 60, 100)
    assert boundary_accuracy(rectangle(shape, 20, 0, 100, 100), truth) == pytest.approx(2 / 3)


def test_accuracy_of_empty_masks() -> None:
    """F is 1 if neither mask has a boundary, and 0 if only one has."""
    empty, full, some = np.zeros((20, 20), bool), np.ones((20, 20), bool), rectangle((20, 20), 5, 5, 9, 9)
    assert boundary_accuracy(empty, empty) == 1.0
    assert boundary_accuracy(empty, full) == 1.0
    assert boundary_accuracy(empty, some) == 0.0
    assert boundary_accuracy(some, empty) == 0.0


@pytest.mark.parametrize("seed", range(40))
def test_distances_equal_the_dilation_with_a_disk(seed: int) -> None:
    """On random patches and sizes, F is bit for bit that of a dilation with a disk."""
    generator = np.random.default_rng(seed)
    shape = (int(generator.integers(1, 200)), int(generator.integers(1, 200)))
    mask, truth = blobs(generator, shape), blobs(generator, shape)
    assert boundary_accuracy(mask, truth) == dilated_accuracy(mask, truth)
    shifted = np.roll(truth, tuple(generator.integers(-3, 4, 2)), (0, 1))
    assert boundary_accuracy(shifted, truth) == dilated_accuracy(shifted, truth)


@pytest.mark.parametrize(
    ("shape", "ours", "theirs", "overlap", "accuracy"),
    [
        ((480, 854), (240, 400, 120, 5, 0.3), (243, 409, 118, 5, 0.28), 0.8679979044088015, 0.6800683285901035),
        ((120, 90), (60, 45, 30, 7, 0.4), (64, 43, 33, 6, 0.35), 0.5031474820143885, 0.2839194855190319),
        ((270, 480), (30, 20, 60, 3, 0.2), (35, 28, 55, 4, 0.25), 0.8371894960965224, 0.5613083303848724),
        ((540, 960), (500, 940, 150, 9, 0.1), (493, 932, 155, 8, 0.12), 0.7925671952488826, 0.2830328720579261),
        ((61, 47), (30, 23, 9, 1, 0.0), (30, 40, 9, 1, 0.0), 0.004140786749482402, 0.208955223880597),
    ],
)
def test_scores_equal_the_davis_toolkit(
    shape: tuple[int, int],
    ours: tuple[int, int, float, int, float],
    theirs: tuple[int, int, float, int, float],
    overlap: float,
    accuracy: float,
) -> None:
    """J and F of generated shapes, also at the edges of the image, equal those of the DAVIS 2017 toolkit."""
    mask, truth = ripple(shape, *ours), ripple(shape, *theirs)
    assert region_overlap(mask, truth) == pytest.approx(overlap, abs=1e-12)
    assert boundary_accuracy(mask, truth) == pytest.approx(accuracy, abs=1e-12)
