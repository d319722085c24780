"""Files of presets and shots."""

from __future__ import annotations

import pytest


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write files below the current folder, which is empty; no studio folder is set."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("STCN_PRESET_PATH", raising=False)

    def write_file(name, text):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return write_file
