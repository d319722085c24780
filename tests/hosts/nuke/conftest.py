"""The Nuke plugin in the stand-in for Nuke, in this process and without a worker."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import OpenImageIO as oiio
import pytest
from nuke_tests import FRAMES, HEIGHT, PLUGIN, STAND_IN, WIDTH

from stcn_plugin.bridge import Choice, Description, WorkerClient
from stcn_plugin.install.nuke import install

for folder in (STAND_IN, PLUGIN):
    if str(folder) not in sys.path:
        sys.path.append(str(folder))


@pytest.fixture(autouse=True)
def no_worker(monkeypatch):
    """Remove variables of the user's environment that affect the plugin."""
    for name in ("OCIO", "STCN_WORKER_PYTHON", "STCN_PRESET_PATH", "STCN_PLUGINS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def nuke():
    """The stand-in with an empty script of 64x48, frames 1001 to 1010."""
    import nuke as module
    from nuke_stage import stage
    from nuke_stage.nodes import Format, new_script

    stage.reset()
    new_script()
    stage.frame = 1001
    knobs = stage.root.knob_values
    knobs["format"]._value = Format(64, 48, 1.0, "test")
    knobs["first_frame"]._value, knobs["last_frame"]._value = 1001, 1010
    return module


@pytest.fixture
def stage(nuke):
    from nuke_stage import stage as there

    return there


@pytest.fixture
def make(nuke, stage, tmp_path):
    """Functions that add nodes to the script."""

    def plate(frames=range(1001, 1005), width=64, height=48, aspect=1.0, name="plate"):
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        for frame in frames:
            spec = oiio.ImageSpec(width, height, 3, "half")
            spec.attribute("PixelAspectRatio", aspect)
            output = oiio.ImageOutput.create("x.exr")
            output.open(str(folder / f"{name}.{frame}.exr"), spec)
            output.write_image(np.full((height, width, 3), frame / 2000, np.float32))
            output.close()
        return f"{folder.as_posix()}/{name}.####.exr", min(frames), max(frames)

    def read(**options):
        pattern, first, last = plate(**options)
        node = nuke.nodes.Read()
        node["file"].fromUserText(f"{pattern} {first}-{last}")
        return node

    def roto(name="hero", discs=None, kind="Roto", **options):
        from nuke_stage.curves import draw

        node = getattr(nuke.nodes, kind)()
        node.setName(name)
        draw(node._op(), discs or {1001: (20.0, 24.0, 8.0)}, **options)
        return node

    def draw_on(node, discs, **options):
        from nuke_stage.curves import draw

        draw(node._op(), discs, **options)

    def select(*nodes):
        for op in stage.ops:
            op.selected = False
        for node in nodes:
            node.setSelected(True)

    return SimpleNamespace(plate=plate, read=read, roto=roto, draw=draw_on, select=select)


@pytest.fixture
def menu(nuke, stage):
    """The menu as Nuke builds it when it starts: label to command."""
    runpy.run_path(str(PLUGIN / "menu.py"))
    bar = stage.menus["Nuke"]
    (stcn,) = [item for item in bar._items if item._name == "STCN"]
    return {item[0]: item[1] for item in stcn._items if item is not None}


class Host:
    """A host whose plate need not be rendered."""

    def __init__(self, job, *, renders_plate):
        self.job = job
        assert not renders_plate

    def plate_rendering(self, *, is_cancelled):
        return None


@pytest.fixture
def jobs(monkeypatch):
    """The jobs that are started, and cancelled, without a worker process."""
    from stcn_nuke import commands

    description = Description(
        presets=(Choice("default", "balanced"), Choice("show", "of this show")),
        weights=(Choice("starter", "lite, <CC-BY-NC> [x] $x"), Choice("free", "lite, MIT")),
        devices=(Choice("auto", "the fastest"), Choice("cuda:1", "a card")),
        preset_weights={"default": "starter", "show": "free"},
    )
    jobs = []

    class Job:
        ends: ClassVar = []  # of the running jobs

        def __init__(self, host, worker, *, status, plugins):
            jobs.append(host.job)
            self.status = status

        def prepare(self):
            pass

        def run_in_thread(self, *, call_in_main_thread, on_end, display):
            self.ends.append(on_end)

        def cancel(self):
            jobs.append("cancel")

    monkeypatch.setenv("STCN_WORKER_PYTHON", sys.executable)
    monkeypatch.setattr(WorkerClient, "describe", lambda self: description)
    monkeypatch.setattr(commands, "NukeHost", Host)
    monkeypatch.setattr(commands, "BackgroundJob", Job)
    return jobs


@pytest.fixture(scope="session")
def home(tmp_path_factory) -> Path:
    """A ``~/.nuke`` with the plugin installed."""
    folder = tmp_path_factory.mktemp("home") / ".nuke"
    install(folder, python=sys.executable)
    return folder


@pytest.fixture(scope="session")
def plate(tmp_path_factory) -> str:
    """A disc and a smaller one that wander over a ramp; linear half EXR."""
    folder = tmp_path_factory.mktemp("plate")
    rows, columns = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    for frame in FRAMES:
        step = frame - 1001
        pixels = np.dstack([columns / WIDTH * 0.3, rows / HEIGHT * 0.3, np.full_like(rows, 0.1)])
        for x, y, radius, colour in ((30 + 2 * step, 40, 14, (0.8, 0.2, 0.1)), (70, 20 + step, 9, (0.1, 0.3, 0.9))):
            inside = np.clip(radius - np.hypot(columns - x, rows - y) + 0.5, 0, 1)[..., np.newaxis]
            pixels = pixels * (1 - inside) + np.array(colour) * inside
        output = oiio.ImageOutput.create("x.exr")
        output.open(str(folder / f"plate.{frame}.exr"), oiio.ImageSpec(WIDTH, HEIGHT, 3, "half"))
        assert output.write_image(pixels.astype(np.float32))
        output.close()
    return f"{folder.as_posix()}/plate.%04d.exr"
