"""The cores that the network shares with the threads that process files."""

from __future__ import annotations

import pytest

from stcn_plugin.job.cores import Cores


def test_the_network_uses_the_cores_that_are_left():
    cores = Cores(4)
    assert cores.left() == 4
    with cores.busy():
        assert cores.left() == 3
        with cores.busy():
            assert cores.left() == 2
    assert cores.left() == 4


def test_one_core_is_always_left():
    cores = Cores(1)
    with cores.busy(), cores.busy():
        assert cores.left() == 1


def test_an_error_frees_the_core():
    cores = Cores(2)
    with pytest.raises(ValueError, match="bad"), cores.busy():
        raise ValueError("bad")
    assert cores.left() == 2
