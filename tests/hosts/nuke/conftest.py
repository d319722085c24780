"""The Nuke plugin in the stand-in for Nuke, in this process and without a worker."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import OpenImageIO as oiio
import pytest
from nuke_tests import PLUGIN, STAND_IN

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
