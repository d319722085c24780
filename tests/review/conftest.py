"""A reviewed shot, and a browser to open its page."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from cli.stcn_process import stcn
from shots import COUNT, invert, make_shot


@pytest.fixture(scope="session")
def shot(tmp_path_factory) -> Path:
    return make_shot(tmp_path_factory.mktemp("shot"))


@pytest.fixture(scope="session")
def reviewed(shot) -> Path:
    """The folder of a review against an earlier version, the inverse of the mattes, without the last frame."""
    invert(shot.parent / "m", shot.parent / "old", last=999 + COUNT)
    result = stcn("review", shot, "--against", "old/m.####.exr", cwd=shot.parent)
    assert result.returncode == 0, result.stderr
    return shot.parent / "review"


@pytest.fixture(scope="session")
def browser():
    """Chromium without a network; tests are skipped where it or Playwright is missing."""
    playwright = pytest.importorskip("playwright.sync_api")
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("there is no Chromium on the PATH")
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=program, args=["--no-sandbox"])  # as root in a container
        yield browser
        browser.close()
