"""The fuzz harness detects every kind of defect."""

from __future__ import annotations

import os
import time

import pytest
from fuzz import hammer as module
from fuzz.hammer import hammer

from stcn_plugin.errors import PlateError

pytestmark = pytest.mark.slow


def clean(rng, folder):
    """Reject every input with an STCNError."""
    (folder / "file").write_bytes(rng.bytes(8))
    raise PlateError("the file is empty")


def faulty(rng, folder):
    """Fail in each of the ways, depending on the case number."""
    del folder
    kind = int(rng.integers(4))
    if kind == 0:
        raise ValueError("a defect")
    if kind == 1:
        os._exit(7)
    if kind == 2:
        os.abort()


def slow(rng, folder):
    """Never return."""
    del rng, folder
    time.sleep(60)


def lasting(rng, folder):
    """Take one second."""
    del rng, folder
    time.sleep(1)


def test_errors_of_the_package_are_not_defects():
    """An STCNError is the expected result."""
    assert hammer("fuzz.test_hammer:clean", 5) == []


def test_tracebacks_and_crashes_are_found():
    """Every defect is reported with its case number, and the remaining cases still run."""
    import numpy as np

    kinds = [int(np.random.default_rng([number]).integers(4)) for number in range(24)]
    expected = {number: ("traceback", "crash", "crash")[kind] for number, kind in enumerate(kinds) if kind < 3}
    assert len(set(expected.values())) == 2
    found = hammer("fuzz.test_hammer:faulty", 24)
    assert {defect.number: defect.what for defect in found} == expected


def test_a_hang_is_found(monkeypatch):
    """A case that does not return is a defect."""
    monkeypatch.setattr(module, "SECONDS", 0.5)
    assert [defect.what for defect in hammer("fuzz.test_hammer:slow", 1)] == ["hang"]


def test_waiting_for_a_processor_is_not_a_hang(monkeypatch):
    """On a busy machine, waiting time does not count."""
    monkeypatch.setattr(module, "SECONDS", 0.3)
    monkeypatch.setattr(module, "_waited", lambda process: time.monotonic())
    assert hammer("fuzz.test_hammer:lasting", 1) == []
