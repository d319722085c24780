"""Blender with the extension installed, and a small shot."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from blender_process import Blender
from blender_shot import COUNT, FIRST, disc, write_exr

from stcn_plugin.install.blender import build_extension

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def extension_zip(tmp_path_factory) -> Path:
    return build_extension(tmp_path_factory.mktemp("zip"), python=sys.executable)


@pytest.fixture(scope="session")
def blender(blender_python, tmp_path_factory, extension_zip) -> Blender:
    blender = Blender(blender_python, tmp_path_factory.mktemp("resources"))
    blender.install(extension_zip)
    return blender


@pytest.fixture(scope="session")
def extension() -> Path:
    """The extension's source."""
    return ROOT / "hosts" / "blender" / "extension"


@pytest.fixture(scope="session")
def plates(tmp_path_factory) -> Path:
    """A plate of half-float EXR; returns its first file."""
    rng = np.random.default_rng(7)
    ground = np.kron(rng.random((12, 20, 3)), np.ones((8, 8, 1))).astype(np.float32) * 0.3
    folder = tmp_path_factory.mktemp("plates")
    for frame in range(FIRST, FIRST + COUNT):
        coverage = disc(frame)[..., np.newaxis]
        write_exr(folder / f"sh010.{frame}.exr", ground * (1 - coverage) + coverage * np.float32([0.9, 0.5, 0.1]))
    return folder / f"sh010.{FIRST}.exr"
