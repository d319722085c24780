"""The hammer itself sees what it is there to see."""

from __future__ import annotations

import os
import time

from fuzz import hammer as module
from fuzz.hammer import hammer

from stcn_plugin.errors import PlateError


def clean(rng, folder):
    """Refuse every input as the product does."""
    (folder / "file").write_bytes(rng.bytes(8))
    raise PlateError("the file is empty")


def faulty(rng, folder):
    """Fail in each of the ways in turn, by the size of a number that the case alone decides."""
    del folder
    kind = int(rng.integers(4))
    if kind == 0:
        raise ValueError("a defect")
    if kind == 1:
        os._exit(7)
    if kind == 2:
        os.abort()


def slow(rng, folder):
    """Never end."""
    del rng, folder
    time.sleep(60)


def lasting(rng, folder):
    """Take a second."""
    del rng, folder
    time.sleep(1)


def test_refusals_are_no_defects():
    """An error of the product is the right answer."""
    assert hammer("fuzz.test_hammer:clean", 5) == []


def test_tracebacks_and_crashes_are_found_and_the_rest_goes_on():
    """Every fault is reported under its case's number, and the cases after it run all the same."""
    import numpy as np

    kinds = [int(np.random.default_rng([number]).integers(4)) for number in range(24)]
    expected = {number: ("traceback", "crash", "crash")[kind] for number, kind in enumerate(kinds) if kind < 3}
    assert len(set(expected.values())) == 2
    found = hammer("fuzz.test_hammer:faulty", 24)
    assert {defect.number: defect.what for defect in found} == expected


def test_a_hang_is_found(monkeypatch):
    """A case that does not end is a defect."""
    monkeypatch.setattr(module, "SECONDS", 0.5)
    assert [defect.what for defect in hammer("fuzz.test_hammer:slow", 1)] == ["hang"]


def test_waiting_for_a_processor_is_no_hang(monkeypatch):
    """On a busy machine a case takes longer than its own work does."""
    monkeypatch.setattr(module, "SECONDS", 0.3)
    monkeypatch.setattr(module, "_waited", lambda process: time.monotonic())
    assert hammer("fuzz.test_hammer:lasting", 1) == []
