"""The example on arrays runs unchanged."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "arrays.py"


@pytest.mark.slow
def test_it_prints_the_overlap_of_every_frame():
    """One line per propagated frame, with the overlap of both objects; 1 is perfect."""
    result = subprocess.run([sys.executable, EXAMPLE], capture_output=True, text=True, check=True)
    lines = [line.split() for line in result.stdout.splitlines()]
    assert [line[0] for line in lines] == ["1002", "1003", "1004", "1005"]
    for _, hare, hare_overlap, koi, koi_overlap in lines:
        assert (hare, koi) == ("hare", "koi")
        assert 0.6 < float(hare_overlap) <= 1
        assert 0.8 < float(koi_overlap) <= 1
