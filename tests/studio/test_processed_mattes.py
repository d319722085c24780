"""Processing of mattes by plugins: order, checks, and a sum of at most 1."""

from __future__ import annotations

import numpy as np
import pytest

from stcn_plugin.errors import PluginError
from stcn_plugin.studio.mattes import process_mattes

RAMP = np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4)
MATTES = {"hare": RAMP, "koi": 1 - RAMP}


def test_without_a_plugin_nothing_is_copied(hooks):
    """Without plugins, or if they return None, the given mapping is returned."""
    assert process_mattes(hooks(), 1001, MATTES) is MATTES
    assert process_mattes(hooks({"stcn_process_mattes": lambda frame, mattes: None}), 1001, MATTES) is MATTES


def test_plugins_are_chained(hooks):
    """The plugin loaded last is called first; each gets the previous result, and omitted objects keep their matte."""
    seen = []

    def halve(frame, mattes):
        seen.append((frame, {name: matte.copy() for name, matte in mattes.items()}))
        return {"hare": mattes["hare"] / 2}

    def cut(mattes):
        return {"hare": np.where(mattes["hare"] > 0.5, mattes["hare"], 0)}

    found = process_mattes(hooks({"stcn_process_mattes": halve}, {"stcn_process_mattes": cut}), 1007, MATTES)
    after_cut = np.where(RAMP > 0.5, RAMP, 0)
    ((frame, given),) = seen
    assert frame == 1007
    np.testing.assert_array_equal(given["hare"], after_cut)
    np.testing.assert_array_equal(given["koi"], 1 - RAMP)
    np.testing.assert_array_equal(found["hare"], after_cut / 2)
    np.testing.assert_array_equal(found["koi"], 1 - RAMP)


def test_overlapping_mattes_are_scaled(hooks):
    """Where the sum exceeds 1, mattes are scaled in proportion; elsewhere they are unchanged."""
    grown = {"hare": np.array([[1.0, 0.5, 0.2]], np.float32), "koi": np.array([[1.0, 0.75, 0.3]], np.float32)}
    found = process_mattes(
        hooks({"stcn_process_mattes": lambda: grown}), 1, {k: np.zeros((1, 3), np.float32) for k in grown}
    )
    np.testing.assert_allclose(found["hare"], [[0.5, 0.4, 0.2]], rtol=1e-6)
    np.testing.assert_allclose(found["koi"], [[0.5, 0.6, 0.3]], rtol=1e-6)


def test_float64_and_rounding_are_accepted(hooks):
    """Results in float64, or beyond 0-1 by rounding, become float32 in 0-1."""
    given = np.array([[-1e-6, 0.25, 1 + 1e-6]])
    found = process_mattes(
        hooks({"stcn_process_mattes": lambda: {"hare": given}}), 1, {"hare": np.zeros((1, 3), np.float32)}
    )
    assert found["hare"].dtype == np.float32
    np.testing.assert_array_equal(found["hare"], np.array([[0, 0.25, 1]], np.float32))


def in_place(mattes):
    mattes["hare"][0] = 0


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda: [RAMP], "returned a list for frame 1001, not mattes by object name"),
        (lambda: {"hair": RAMP}, "returned a matte of 'hair' for frame 1001; it has hare, koi"),
        (lambda: {"hare": None}, "returned a NoneType as the matte of 'hare' for frame 1001, not an array"),
        (lambda: {"hare": RAMP.T}, r"returned a matte of 'hare' for frame 1001 of shape \(4, 3\), not \(3, 4\)"),
        (lambda: {"hare": (RAMP * 255).astype(np.uint8)}, "of 'hare' for frame 1001 as uint8, not float32"),
        (lambda: {"koi": RAMP * np.nan}, "of 'koi' for frame 1001 with NaN pixels"),
        (lambda: {"koi": RAMP + np.inf}, "of 'koi' for frame 1001 with values from inf to inf"),
        (lambda: {"koi": RAMP * 3 - 1}, "of 'koi' for frame 1001 with values from -1 to 2"),
        (lambda: 1 / 0, r"failed \(ZeroDivisionError: division by zero\)"),
        (in_place, r"failed \(ValueError: assignment destination is read-only\)"),
    ],
)  # fmt: skip
def test_an_invalid_result_names_the_plugin(hooks, answer, message):
    """An invalid result ends the job; the error names plugin, hook, frame and object."""
    studio = hooks({"stcn_process_mattes": lambda: None}, {"stcn_process_mattes": answer})
    with pytest.raises(PluginError, match=rf"^plugin p1: its hook stcn_process_mattes .*{message}"):
        process_mattes(studio, 1001, MATTES)
    np.testing.assert_array_equal(MATTES["hare"], np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4))
