"""How the passes that arrive at a keyframe fit it."""

import numpy as np
import pytest
from series import series
from test_figures import EMPTY, disc

from stcn_plugin.confidence.arrivals import Arrivals, arrivals_of, closure, outlier_overlap
from stcn_plugin.confidence.figures import figures_of, overlap
from stcn_plugin.confidence.series import Closure


@pytest.mark.parametrize(
    ("before", "keyframe", "after", "is_outlier"),
    [
        (disc(100), disc(104), disc(108), False),  # all agree, while the object moves
        (disc(100), np.maximum(disc(60, 30, 12), disc(200, 120, 12)), disc(108), True),  # of something else
        (disc(100), disc(104, radius=12), disc(108, radius=60), False),  # the neighbours disagree, too
        (disc(100), disc(104, radius=10), disc(108), True),  # much smaller
        (disc(100), disc(150), disc(108), True),  # at another place
        (disc(80), disc(100), disc(120), False),  # fast
    ],
)
def test_a_keyframe_is_an_outlier_if_only_it_is_at_odds(before, keyframe, after, is_outlier):
    assert (outlier_overlap(before, keyframe, after) is not None) == is_outlier


def test_closure_is_the_overlap_with_the_pass_that_leaves_the_keyframe():
    """On the frame before the keyframe, so that the motion between both does not count."""
    arriving, leaving, keyframe = disc(104), disc(100), disc(120)
    assert closure(arriving, leaving, keyframe) == pytest.approx(overlap(arriving, leaving), abs=0.02)
    assert closure(EMPTY, leaving, keyframe) == 0


def test_closure_without_a_pass_that_leaves_the_keyframe():
    """The keyframe is moved to the arriving matte, so that only their shapes are compared."""
    assert closure(disc(100), None, disc(120)) == pytest.approx(1, abs=1e-6)
    assert closure(disc(100, radius=40), None, disc(120, radius=20)) == pytest.approx(0.25, abs=0.03)


def test_closures_of_an_object_are_those_of_neighbouring_keyframes():
    found = series(keyframes=(0, 10, 39), arrivals={0: Arrivals(None, 0.9), 10: Arrivals(0.8, 0.5), 39: Arrivals(0.6)})
    assert found.closures == (Closure(0, 10, 0.8), Closure(10, 0, 0.9), Closure(10, 39, 0.6), Closure(39, 10, 0.5))


def test_the_detail_of_the_arriving_mattes_counts_where_they_are_sure_and_fit():
    """The least of both; none from a matte that breaks up, or that is of something else."""
    star = np.maximum(disc(100, radius=30), np.maximum(disc(140, radius=14), disc(60, radius=14)))
    keyframe = disc(100, radius=34)

    def detail(before, after):
        return arrivals_of(keyframe, before=before, after=after, left=keyframe, right=keyframe).detail

    assert detail(star, None) == pytest.approx(figures_of(star).detail)
    assert detail(star, keyframe) == pytest.approx(figures_of(keyframe).detail)
    assert detail(0.55 * star, None) is None
    assert detail(disc(200, radius=34), None) is None
