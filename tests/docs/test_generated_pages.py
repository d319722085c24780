"""The generated pages match the code, and `--check` detects differences."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from docs.pages import DOCS


def generate(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, DOCS / "generate.py", *arguments]
    return subprocess.run(list(map(str, command)), capture_output=True, text=True)


def test_the_pages_are_up_to_date():
    """`python docs/generate.py` would change nothing."""
    result = generate("--check")
    assert result.returncode == 0, result.stdout + result.stderr


def test_a_stale_page_is_named_and_written_again(tmp_path: Path):
    """With --check, changed and missing pages are listed and not written; without it, they are written."""
    folder = tmp_path / "reference"
    shutil.copytree(DOCS / "reference", folder)
    page = folder / "settings.md"
    page.write_text(page.read_text("utf-8").replace("Default `5`", "Default `6`"), "utf-8")
    (folder / "hooks.md").unlink()
    result = generate("--check", "--folder", folder)
    assert (result.returncode, result.stdout) == (1, "out of date: settings.md, hooks.md\n")
    assert not (folder / "hooks.md").exists()
    assert generate("--folder", folder).returncode == 0
    for each in (DOCS / "reference").iterdir():
        assert (folder / each.name).read_text("utf-8") == each.read_text("utf-8")
