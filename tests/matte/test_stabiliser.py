"""The stabiliser on synthetic shots whose motion and mattes are known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from stcn_plugin.choices import Stabilise
from stcn_plugin.matte.sight import Moment, edge_band
from stcn_plugin.matte.stabiliser import stabilise

SHAPE = (240, 320)
SPEED = (2, 9)


def texture(seed: int, shape: tuple[int, int] = SHAPE) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, 1, (*shape, 3))
    return np.clip(0.5 + 0.9 * gaussian_filter(noise, (1.5, 1.5, 0)), 0, 1).astype(np.float32)


BACKGROUND, OBJECT = 0.1 + 0.3 * texture(1), 0.4 + 0.6 * texture(2)


def disc(frame: int, *, speed: tuple[int, int] = SPEED) -> np.ndarray:
    """Return the exact matte of a soft disc that moves."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    distance = np.hypot(y - 120 - speed[0] * frame, x - 160 - speed[1] * frame)
    return np.clip((50 - distance) / 8 + 0.5, 0, 1).astype(np.float32)


def shown(alpha: np.ndarray, frame: int, *, grain: float = 0.0, speed: tuple[int, int] = SPEED) -> np.ndarray:
    """Return the plate of a textured object over a background that does not move."""
    front = np.roll(OBJECT, (speed[0] * frame, speed[1] * frame), (0, 1))
    plate = alpha[..., None] * front + (1 - alpha[..., None]) * BACKGROUND
    noise = np.random.default_rng(frame + 9).normal(0, grain, plate.shape)
    return np.clip(plate + noise, 0, 1).astype(np.float32)


def flickering(alpha: np.ndarray, frame: int, amount: float = 0.15) -> np.ndarray:
    """Return a matte whose soft edge is wrong by a smooth error that is new on every frame."""
    error = gaussian_filter(np.random.default_rng(frame + 50).normal(0, 1, SHAPE), 3)
    return np.clip(alpha + amount * error / error.std() * (4 * alpha * (1 - alpha)), 0, 1).astype(np.float32)


def shot(*, amount: float = 0.15, grain: float = 0.01, speed: tuple[int, int] = SPEED) -> dict[int, Moment]:
    """Return the frames -1, 0 and 1 of a shot with one object."""
    exact = {frame: disc(frame, speed=speed) for frame in (-1, 0, 1)}
    return {
        frame: Moment(shown(alpha, frame, grain=grain, speed=speed), {"hero": flickering(alpha, frame, amount)})
        for frame, alpha in exact.items()
    }


def error_of(matte: np.ndarray, alpha: np.ndarray) -> float:
    return float(np.mean(np.square(matte - alpha)))


@pytest.mark.parametrize("speed", [(0, 0), SPEED, (-7, 13)])
def test_flicker_is_removed_along_the_motion(speed: tuple[int, int]) -> None:
    """The mean of three frames whose errors are independent has a third of their squared error."""
    frames = shot(speed=speed)
    before = error_of(frames[0].mattes["hero"], disc(0))
    found = stabilise(frames[0], [frames[-1], frames[1]], {"hero": 1.0})["hero"]
    assert error_of(found.matte, disc(0)) < 0.55 * before
    # Without motion compensation, a moving edge would be averaged with what is behind it.
    still = (frames[-1].mattes["hero"] + frames[0].mattes["hero"] + frames[1].mattes["hero"]) / 3
    assert error_of(still, disc(0)) > 1.5 * before or speed == (0, 0)


def test_an_exact_matte_that_moves_gets_no_ghosts() -> None:
    """Nothing changes by more than a twentieth, and outside of the band nothing at all."""
    frames = shot(amount=0, grain=0)
    found = stabilise(frames[0], [frames[-1], frames[1]], {"hero": 1.0})["hero"]
    difference = np.abs(found.matte - disc(0))
    assert difference.max() < 0.08
    assert np.sqrt(np.mean(np.square(difference[edge_band(disc(0))]))) < 0.01


@pytest.mark.parametrize("speed", [(0, 0), (0, 2), SPEED])
@pytest.mark.parametrize(("grain", "most"), [(0.0, 1e-3), (0.005, 0.1)])
def test_an_edge_that_cannot_be_seen_is_left_alone(speed: tuple[int, int], grain: float, most: float) -> None:
    """A black object in front of black: the plate fits everywhere, whatever the mattes of the other frames are."""
    frames = {}
    for frame in (-1, 0, 1):
        noise = np.random.default_rng(frame + 9).normal(0, grain, (*SHAPE, 3))
        frames[frame] = Moment(np.abs(noise).astype(np.float32), {"hero": disc(frame, speed=speed)})
    found = stabilise(frames[0], [frames[-1], frames[1]], {"hero": 1.0})["hero"]
    assert np.abs(found.matte - disc(0)).max() < most


def test_core_and_background_are_untouched() -> None:
    """Every pixel outside of the band has the same bits, whatever other frames have there."""
    frames = shot()
    wrong = {frame: Moment(frames[frame].plate, {"hero": 1 - frames[frame].mattes["hero"]}) for frame in (-1, 1)}
    own = frames[0].mattes["hero"].copy()
    found = stabilise(frames[0], list(wrong.values()), {"hero": 1.0})["hero"].matte
    band = edge_band(own)
    assert np.array_equal(found[~band], own[~band])
    assert not np.array_equal(found[band], own[band])
    assert np.array_equal(frames[0].mattes["hero"], own), "the input is not changed"


@pytest.mark.parametrize("other", [-1, 1])
def test_what_is_only_in_another_frame_leaves_no_ghost(other: int) -> None:
    """An object that was at the edge of the disc in another frame, with a matte of its own there, is not taken over."""
    frames = shot(amount=0, grain=0)
    plate, matte = frames[other].plate.copy(), frames[other].mattes["hero"].copy()
    visitor = np.s_[60:110, 130:190]
    plate[visitor] = [0.95, 0.1, 0.05]
    matte[visitor] = 1
    found = stabilise(frames[0], [Moment(plate, {"hero": matte})], {"hero": 1.0})["hero"].matte
    assert np.abs(found - disc(0)).max() < 0.08


def test_a_cut_changes_nothing() -> None:
    """Frames of another shot do not fit anywhere."""
    frames = shot()
    others = [Moment(np.full((*SHAPE, 3), value, np.float32), frames[1].mattes) for value in (0.0, 1.0)]
    found = stabilise(frames[0], others, {"hero": 1.0})["hero"]
    assert np.abs(found.matte - frames[0].mattes["hero"]).max() < 1e-3


@pytest.mark.parametrize("setting", ["off", 0, 0.0])
def test_it_can_be_off(setting: Stabilise) -> None:
    """Then the matte is the same array."""
    frames = shot()
    found = stabilise(frames[0], [frames[1]], {"hero": setting})["hero"]
    assert found.matte is frames[0].mattes["hero"] and found.strength == 0


def test_auto_follows_the_flicker() -> None:
    """A steady matte is the same array; the more it flickers, the more it is stabilised, up to a strength of 1."""
    strengths = []
    for amount in (0, 0.03, 0.3):
        frames = shot(amount=amount, speed=(0, 0), grain=0)
        found = stabilise(frames[0], [frames[-1], frames[1]], {"hero": "auto"})["hero"]
        assert (found.matte is frames[0].mattes["hero"]) == (found.strength == 0)
        assert found.flicker == pytest.approx(0, abs=1e-6) or amount
        strengths.append(found.strength)
    assert strengths[0] == 0 < strengths[1] < strengths[2] == 1


def test_the_measured_flicker_is_the_difference_along_the_motion() -> None:
    """An edge that is 0.1 stronger than on both other frames, in a shot without motion, has a flicker of nearly 0.1."""
    frames = shot(amount=0, speed=(0, 0), grain=0)
    alpha = disc(0)
    soft = (alpha > 0.05) & (alpha < 0.95)
    stronger = np.where(edge_band(alpha), np.clip(alpha + 0.1, 0, 1), alpha).astype(np.float32)
    found = stabilise(Moment(frames[0].plate, {"hero": stronger}), [frames[-1], frames[1]], {"hero": 0.5})["hero"]
    expected = np.sqrt(np.mean(np.square(stronger - alpha)[edge_band(stronger)]))
    assert found.flicker == pytest.approx(expected, rel=0.02)
    # At half of the strength, both other frames count as much as the frame itself.
    assert np.allclose(found.matte[soft], (alpha + stronger)[soft] / 2, atol=0.01)


def test_every_object_has_its_own_setting() -> None:
    """Objects that are off, unknown to another frame or absent are left alone, and others do not depend on them."""
    frames = shot()
    pair = {
        frame: Moment(moment.plate, moment.mattes | {"villain": np.roll(moment.mattes["hero"], 40, 1)})
        for frame, moment in frames.items()
    }
    pair[1] = Moment(pair[1].plate, {"villain": pair[1].mattes["villain"]})
    found = stabilise(pair[0], [pair[-1], pair[1]], {"hero": 1.0, "villain": "off", "extra": 1.0})
    assert set(found) == {"hero", "villain"}
    assert found["villain"].matte is pair[0].mattes["villain"]
    alone = stabilise(frames[0], [frames[-1]], {"hero": 1.0})["hero"].matte
    assert np.array_equal(found["hero"].matte, alone)


@pytest.mark.parametrize("size", [(6, 40), (9, 9), (30, 20)])
def test_small_frames(size: tuple[int, int]) -> None:
    """A frame smaller than a patch is not stabilised; others are."""
    plate = texture(3, size)
    matte = np.linspace(0, 1, size[0] * size[1], dtype=np.float32).reshape(size)
    found = stabilise(Moment(plate, {"a": matte}), [Moment(plate, {"a": matte * 0.8})], {"a": 1.0})["a"].matte
    assert found.shape == size and np.isfinite(found).all()
    assert np.array_equal(found, matte) == (min(size) < 10)
