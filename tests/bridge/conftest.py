"""Clients of stand-ins and of real workers; no process is left at the end of a test."""

from __future__ import annotations

import sys

import pytest
from fake_workers import fake, is_alive
from golden.stand_in import golden_frames, golden_masks
from PIL import Image
from real_jobs import FRAMES, PRELUDE

from stcn_plugin.bridge import JobRequest, KeyframeFile
from stcn_plugin.bridge.client import WorkerClient
from stcn_plugin.bridge.launch import WorkerLaunch
from stcn_plugin.bridge.timeouts import Timeouts


@pytest.fixture
def client():
    """Make clients of stand-ins; check that all of their processes end."""
    made, pids = [], set()

    def make(script: str | WorkerLaunch, **arguments: object) -> WorkerClient:
        launch = fake(script) if isinstance(script, str) else script
        limits = {
            name: arguments.pop(name) for name in ("start", "silence", "stall", "cancel", "quit") if name in arguments
        }
        made.append(WorkerClient(launch, timeouts=Timeouts(**{"quit": 0.5, **limits}), **arguments))
        return made[-1]

    yield make
    for each in made:
        pids.add(each.pid)
        each.stop()
        assert not each.is_running
    assert not [pid for pid in pids if pid and is_alive(pid)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A plate of forty small frames, made of six images, and a keyframe of one disc."""
    folder = tmp_path_factory.mktemp("worker")
    for number, frame in enumerate(golden_frames(6, 96, 144)):
        Image.fromarray(frame).save(folder / f"source.{number}.png")
    for number in range(FRAMES):
        (folder / f"p.{1001 + number}.png").symlink_to(folder / f"source.{number % 6}.png")
    Image.fromarray(golden_masks(96, 144)[0] * 255).save(folder / "key.png")
    return folder


@pytest.fixture
def job(folder, tmp_path):
    """Make requests for the plate."""

    def make(name: str, frames: str = "1001-1004", plugin: str | None = None, **given: object) -> JobRequest:
        plugins = ()
        if plugin is not None:
            (tmp_path / f"{name}.py").write_text(PRELUDE + plugin)
            plugins = (str(tmp_path / f"{name}.py"),)
        return JobRequest(
            **{
                "plate": str(folder / "p.####.png"),
                "keyframes": (KeyframeFile(1001, str(folder / "key.png")),),
                "out": str(tmp_path / name / "m.####.exr"),
                "range": frames,
                "preset": "draft",
                "plugins": plugins,
                **given,
            }
        )

    return make


@pytest.fixture
def mortal():
    """A worker for one test."""
    with WorkerClient(WorkerLaunch(sys.executable)) as client:
        yield client
