"""Alpha of the keyframe on other frames, on synthetic shots whose motion and mattes are known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from stcn_plugin.matte.keyframe_match import match_keyframe
from stcn_plugin.matte.sight import Moment, edge_band

SHAPE = (240, 320)


def texture(seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, 1, (*SHAPE, 3))
    return np.clip(0.5 + 0.9 * gaussian_filter(noise, (1.5, 1.5, 0)), 0, 1).astype(np.float32)


BACKGROUND, OBJECT = 0.1 + 0.3 * texture(1), 0.4 + 0.6 * texture(2)


def disc(move: tuple[int, int] = (0, 0)) -> np.ndarray:
    """Return the exact matte of a soft disc."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    distance = np.hypot(y - 120 - move[0], x - 160 - move[1])
    return np.clip((50 - distance) / 8 + 0.5, 0, 1).astype(np.float32)


def shown(alpha: np.ndarray, move: tuple[int, int] = (0, 0), *, seed: int = 0, grain: float = 0.005) -> np.ndarray:
    """Return the plate of a textured object over a background that does not move."""
    front = np.roll(OBJECT, move, (0, 1))
    plate = alpha[..., None] * front + (1 - alpha[..., None]) * BACKGROUND
    return np.clip(plate + np.random.default_rng(seed).normal(0, grain, plate.shape), 0, 1).astype(np.float32)


def probability_of(alpha: np.ndarray) -> np.ndarray:
    """Return the probability of which the default matte levels make alpha."""
    return np.where(alpha <= 0, 0.05, np.where(alpha >= 1, 0.95, 0.15 + 0.7 * alpha)).astype(np.float32)


def lost(alpha: np.ndarray) -> np.ndarray:
    """Return the probability where half of the object is nearly lost."""
    found = probability_of(alpha)
    found[:, 160:] *= 0.45
    return found


KEYFRAME = Moment(shown(disc(), seed=1), {"hero": disc()})


def error_of(probability: np.ndarray, alpha: np.ndarray) -> float:
    return float(np.mean(np.square(np.clip((probability - 0.15) / 0.7, 0, 1) - alpha)))


@pytest.mark.parametrize("move", [(0, 0), (2, 9), (-11, 13)])
def test_a_lost_part_comes_back_from_the_keyframe(move: tuple[int, int]) -> None:
    """Its squared error falls to less than a quarter; without a motion, it would be larger than before."""
    alpha = disc(move)
    before = lost(alpha)
    now = Moment(shown(alpha, move), {"hero": before.copy()})
    found = match_keyframe(now, KEYFRAME, ["hero"])["hero"]
    assert error_of(found, alpha) < 0.25 * error_of(before, alpha)
    assert np.array_equal(now.mattes["hero"], before), "the input is not changed"
    band = edge_band(before)
    assert np.array_equal(found[~band], before[~band])


def test_a_right_matte_stays_right() -> None:
    alpha = disc((2, 9))
    found = match_keyframe(Moment(shown(alpha, (2, 9)), {"hero": probability_of(alpha)}), KEYFRAME, ["hero"])["hero"]
    assert error_of(found, alpha) < 2e-5


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_another_shot_changes_nothing(value: float) -> None:
    now = Moment(shown(disc()), {"hero": lost(disc())})
    other = Moment(np.full((*SHAPE, 3), value, np.float32), {"hero": disc()})
    assert np.abs(match_keyframe(now, other, ["hero"])["hero"] - now.mattes["hero"]).max() < 0.02


def test_what_hides_the_object_is_not_object() -> None:
    """Something else is in front of it. On the keyframe the object is there; nothing of that is taken over."""
    plate, matte = shown(disc()), probability_of(disc())
    plate[90:150, 170:230] = 0.3 * texture(5)[90:150, 170:230]
    matte[90:150, 170:230] = 0.08  # not quite clear, so that it is in the band
    found = match_keyframe(Moment(plate, {"hero": matte}), KEYFRAME, ["hero"])["hero"]
    inside = np.s_[98:142, 178:222]
    assert np.abs(found - matte)[inside].max() < 0.02


def test_an_edge_that_cannot_be_seen_is_left_alone() -> None:
    """A black object in front of black."""
    rng = np.random.default_rng(3)
    plates = [np.abs(rng.normal(0, 0.005, (*SHAPE, 3))).astype(np.float32) for _ in range(2)]
    now = Moment(plates[0], {"hero": lost(disc())})
    found = match_keyframe(now, Moment(plates[1], {"hero": disc()}), ["hero"])["hero"]
    assert np.abs(found - now.mattes["hero"]).max() < 0.1


def test_several_objects() -> None:
    """Each has the alpha of its own: here, the second is what is behind the first."""
    alpha = disc((2, 9))
    other = 1 - alpha
    mattes = {"hero": lost(alpha), "other": probability_of(other)}
    now = Moment(shown(alpha, (2, 9)), mattes)
    keyframe = Moment(KEYFRAME.plate, {"hero": disc(), "other": 1 - disc()})
    found = match_keyframe(now, keyframe, ["hero", "other"])
    assert list(found) == ["hero", "other"]
    assert error_of(found["hero"], alpha) < 0.3 * error_of(mattes["hero"], alpha)
    assert error_of(found["other"], other) < 2e-5


@pytest.mark.parametrize("shape", [(9, 40), (40, 9), (1, 1)])
def test_images_that_are_smaller_than_a_patch_stay_as_they_are(shape: tuple[int, int]) -> None:
    plate, matte = np.zeros((*shape, 3), np.float32), np.full(shape, 0.5, np.float32)
    now = Moment(plate, {"hero": matte})
    assert match_keyframe(now, Moment(plate, {"hero": matte}), ["hero"])["hero"] is matte
    clear = Moment(np.zeros((64, 64, 3), np.float32), {"hero": np.zeros((64, 64), np.float32)})
    assert match_keyframe(clear, clear, ["hero"])["hero"] is clear.mattes["hero"]


def test_a_keyframe_without_grey_gives_no_staircase() -> None:
    """Its outline becomes a ramp of two pixels, so no two neighbours are solid and clear. A soft keyframe is taken as it is."""
    hard = (disc() > 0.5).astype(np.float32)
    plate, before = shown(disc(), seed=1), probability_of(gaussian_filter(hard, 3))
    keyframe = Moment(plate, {"hero": hard})
    found = match_keyframe(Moment(shown(disc()), {"hero": before}), keyframe, ["hero"])["hero"]
    alpha = np.clip((found - 0.15) / 0.7, 0, 1)
    row = alpha[120, 100:125]
    assert row[0] < 0.02 and row[-1] > 0.98
    assert 0.2 < np.diff(row).max() < 0.6
    assert np.square(alpha - hard).mean() < 0.5 * np.square(np.clip((before - 0.15) / 0.7, 0, 1) - hard).mean()
    assert keyframe.mattes["hero"].max() == 1 and np.isin(keyframe.mattes["hero"], (0, 1)).all(), "it is not changed"
