"""Blender with the extension installed, and a small shot."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from blender_process import Blender
from blender_shot import COUNT, FIRST, disc
from drifting_disc import write_disc_plate

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
    return write_disc_plate(tmp_path_factory.mktemp("plates"), range(FIRST, FIRST + COUNT), disc)
