"""Installing the Krita plugin in Krita's folder of Python plugins, updating it and removing it."""

from __future__ import annotations

import configparser
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from stcn_plugin.errors import InstallError
from stcn_plugin.install import krita

PYTHON = "/studio/venv/bin/python"


def all_files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_installed_files(tmp_path):
    """A package with the bridge in `site`, the record with the worker's Python, and the file that names it in Krita."""
    changes = krita.install(tmp_path, python=PYTHON)
    files = all_files(tmp_path)
    assert {str(path.relative_to(tmp_path)) for path in changes.written} == set(files)
    assert {name.split("/")[0] for name in files} == {"stcn_krita", "stcn_krita.desktop"}
    assert {
        "stcn_krita/__init__.py",
        "stcn_krita/site/pluggy/__init__.py",
        "stcn_krita/site/stcn_plugin/errors.py",
    } <= set(files)
    assert json.loads(files["stcn_krita/stcn_install.json"])["python"] == PYTHON
    entry = configparser.ConfigParser()
    entry.read_string(files["stcn_krita.desktop"].decode())
    assert entry["Desktop Entry"]["X-KDE-Library"] == "stcn_krita"
    assert not krita.install(tmp_path, python=PYTHON)


def test_update_and_removal_keep_what_the_user_changed(tmp_path):
    """A changed file is replaced and kept under another name; after removal only files of the user are left."""
    krita.install(tmp_path, python=PYTHON)
    changed = tmp_path / "stcn_krita" / "docker.py"
    original = changed.read_bytes()
    changed.write_bytes(b"# mine")
    (tmp_path / "stcn_krita.desktop").unlink()
    (tmp_path / "other.desktop").write_bytes(b"x")
    changes = krita.install(tmp_path, python=PYTHON)
    assert set(changes.written) == {changed, tmp_path / "stcn_krita.desktop"}
    assert changed.read_bytes() == original
    assert krita.uninstall(tmp_path).kept == (tmp_path / "stcn_krita" / "docker.py.yours",)
    assert all_files(tmp_path) == {"stcn_krita/docker.py.yours": b"# mine", "other.desktop": b"x"}


def test_nothing_is_changed_by_a_dry_run_or_an_error(tmp_path):
    """Neither by a dry run of both commands, nor if the folder of the plugin is somebody else's."""
    assert krita.install(tmp_path, python=PYTHON, dry_run=True).written
    assert all_files(tmp_path) == {}
    krita.install(tmp_path, python=PYTHON)
    before = all_files(tmp_path)
    assert len(krita.uninstall(tmp_path, dry_run=True).removed) == len(before)
    assert all_files(tmp_path) == before
    foreign = tmp_path / "foreign"
    (foreign / "stcn_krita").mkdir(parents=True)
    (foreign / "stcn_krita" / "__init__.py").write_bytes(b"x")
    with pytest.raises(InstallError) as caught:
        krita.install(foreign, python=PYTHON)
    assert caught.value.where == str(foreign / "stcn_krita" / "__init__.py")
    assert all_files(foreign) == {"stcn_krita/__init__.py": b"x"}
    assert not krita.uninstall(foreign)


@pytest.mark.parametrize("kind", ["file", "link", "folder"])
def test_file_of_the_user_beside_the_folder(tmp_path, kind):
    """A file that names another plugin in Krita is neither replaced nor removed, and nothing else is written."""
    plugins, desktop = tmp_path / "pykrita", tmp_path / "pykrita" / "stcn_krita.desktop"
    plugins.mkdir()
    (tmp_path / "mine").write_bytes(b"mine")
    if kind == "folder":
        desktop.mkdir()
    elif kind == "link":
        desktop.symlink_to(tmp_path / "mine")
    else:
        desktop.write_bytes(b"mine")
    for dry_run in (True, False):
        with pytest.raises(InstallError, match="in the way") as caught:
            krita.install(plugins, python=PYTHON, dry_run=dry_run)
        assert caught.value.where == str(desktop)
    assert not krita.uninstall(plugins)
    assert list(plugins.iterdir()) == [desktop]
    assert (tmp_path / "mine").read_bytes() == b"mine"


def test_removal_after_the_folder_was_deleted(tmp_path):
    """The file beside it, which would name a plugin that is gone, is removed."""
    krita.install(tmp_path, python=PYTHON)
    shutil.rmtree(tmp_path / "stcn_krita")
    assert krita.uninstall(tmp_path).removed == (tmp_path / "stcn_krita.desktop",)
    assert all_files(tmp_path) == {}


def test_command_line(tmp_path):
    """The default folder is that of the user; every file is printed."""

    def stcn(command: str) -> str:
        environment = {**os.environ, "HOME": str(tmp_path)}
        environment.pop("XDG_DATA_HOME", None)
        run = [sys.executable, "-m", "stcn_plugin", command, "krita"]
        result = subprocess.run(run, capture_output=True, text=True, env=environment, cwd=tmp_path)
        assert (result.returncode, result.stderr) == (0, "")
        return result.stdout

    folder = tmp_path / ".local" / "share" / "krita" / "pykrita"
    lines = stcn("install").splitlines()
    files = {str(folder / name) for name in all_files(folder)}
    assert {line.removeprefix("wrote ") for line in lines if line.startswith("wrote ")} == files
    assert "nothing was changed" in stcn("install")
    lines = stcn("uninstall").splitlines()
    assert {line.removeprefix("removed ") for line in lines if line.startswith("removed ")} == files
    assert all_files(folder) == {}
    assert "nothing was changed" in stcn("uninstall")
