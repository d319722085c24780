"""The cores that the network shares with the threads that process files."""

from __future__ import annotations

from itertools import cycle

import numpy as np
import pytest
import torch

from stcn_plugin import make_shot
from stcn_plugin.bridge.build import BuildOptions
from stcn_plugin.errors import CancelledError
from stcn_plugin.job.build import build
from stcn_plugin.job.cores import Cores
from stcn_plugin.job.prepare import prepare
from stcn_plugin.job.watcher import Watcher


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


def run(clip, engine, *, watcher=Watcher()) -> list[np.ndarray]:
    """Run a job of a whole clip, and return its mattes."""
    keyframes = {1001: clip.keyframe(1001, 0), 1006: clip.keyframe(1006, 0)}
    shot = make_shot(
        plate=clip.plate,
        out=clip.out,
        keyframes=keyframes,
        overrides=["compute.precision=float32", "memory.interval=2"],
    )
    build(prepare(shot), lambda _: engine, options=BuildOptions(rebuild=True), watcher=watcher)
    return [clip.matte(frame) for frame in range(1001, 1009)]


@pytest.mark.slow
def test_mattes_do_not_depend_on_the_cores_that_are_left(clip, engine, monkeypatch):
    """Other threads decide how many there are at each stage, so this differs from run to run."""
    monkeypatch.setattr(Cores, "left", lambda _: 1)
    expected = run(clip, engine)
    numbers = cycle((2, 1, 3))
    monkeypatch.setattr(Cores, "left", lambda _: next(numbers))
    found = run(clip, engine)
    assert all(np.array_equal(*pair) for pair in zip(found, expected, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("is_cancelled", [False, True])
def test_the_process_keeps_its_number_of_threads(clip, engine, monkeypatch, is_cancelled):
    before = torch.get_num_threads()
    used = []
    monkeypatch.setattr(Cores, "left", lambda _: used.append(before + 1) or before + 1)
    watcher = Watcher(is_cancelled=lambda: is_cancelled and len(used) > 4)
    if is_cancelled:
        with pytest.raises(CancelledError):
            run(clip, engine, watcher=watcher)
    else:
        run(clip, engine, watcher=watcher)
    assert used
    assert torch.get_num_threads() == before
