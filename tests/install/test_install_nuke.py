"""Installation in a Nuke folder and removal: complete, reversible, all-or-nothing."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import stcn_plugin
from stcn_plugin.errors import InstallError
from stcn_plugin.install import nuke
from stcn_plugin.install.init_file import LINE

ROOT = Path(__file__).parents[2]
PYTHON = "/opt/stcn/bin/python"


def tree(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def home(tmp_path):
    """A Nuke folder with an init.py and a gizmo of the user."""
    home = tmp_path / ".nuke"
    home.mkdir()
    (home / "init.py").write_bytes(b"import nuke\nnuke.pluginAddPath('./gizmos')")
    (home / "look.gizmo").write_bytes(b"Gizmo {}")
    return home


def test_all_files_are_installed_and_recorded(home):
    """The host's files, the bridge and pluggy with its licence are in one folder; the record has a hash of each."""
    changes = nuke.install(home, python=PYTHON)
    found = tree(home / "stcn")
    for path in (ROOT / "hosts" / "nuke").rglob("*.py"):
        assert found[path.relative_to(ROOT / "hosts" / "nuke").as_posix()] == path.read_bytes()
    for path in (ROOT / "stcn_plugin" / "bridge").glob("*.py"):
        assert found[f"site/stcn_plugin/bridge/{path.name}"] == path.read_bytes()
    assert found["site/stcn_plugin/LICENSE"] == (ROOT / "LICENSE").read_bytes()
    assert any(name.startswith("site/pluggy-") and name.endswith("/LICENSE") for name in found)
    record = json.loads(found.pop("stcn_install.json"))
    assert (record["python"], record["version"]) == (PYTHON, stcn_plugin.__version__)
    assert record["files"] == {name: hashlib.sha256(data).hexdigest() for name, data in found.items()}
    assert set(changes.written) == {*(path for path in (home / "stcn").rglob("*") if path.is_file()), home / "init.py"}
    assert LINE in (home / "init.py").read_bytes()


def test_the_installed_files_can_be_imported_alone(home):
    """A Python with only the site folder imports the bridge and pluggy from it."""
    nuke.install(home, python=PYTHON)
    site = home / "stcn" / "site"
    code = (
        f"import sys; sys.path.append({str(site)!r})\n"
        "import pluggy, stcn_plugin.bridge, stcn_plugin.frames as frames\n"
        "print(pluggy.__file__, stcn_plugin.bridge.__file__, frames.parse_frame_range('1001-1003'))"
    )
    result = subprocess.run([sys.executable, "-I", "-S", "-B", "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.count(str(site)) == 2
    assert "1001" in result.stdout


def test_a_second_run_changes_nothing(home):
    """A second run touches no file; another interpreter only changes the record."""
    nuke.install(home, python=PYTHON)
    before = {path: path.stat().st_mtime_ns for path in home.rglob("*")}
    assert not nuke.install(home, python=PYTHON)
    assert {path: path.stat().st_mtime_ns for path in home.rglob("*")} == before
    changes = nuke.install(home, python="/elsewhere/python")
    assert (changes.written, changes.removed) == ((home / "stcn" / "stcn_install.json",), ())
    assert (home / "init.py").read_bytes().count(LINE) == 1


@pytest.mark.parametrize("dry", ["install", "uninstall"])
def test_a_dry_run_returns_the_same_changes(home, dry):
    """A dry run returns the changes of the real run and changes nothing."""
    if dry == "uninstall":
        nuke.install(home, python=PYTHON)
    run = (
        (lambda **o: nuke.install(home, python=PYTHON, **o))
        if dry == "install"
        else (lambda **o: nuke.uninstall(home, **o))
    )
    before = tree(home)
    planned = run(dry_run=True)
    assert tree(home) == before
    assert planned == run()
    assert planned


@pytest.mark.parametrize("content", [None, b"", b"import nuke", b"import nuke\r\n", b"NAME = '\xfc'\n"])
def test_uninstall_restores_every_byte(tmp_path, content):
    """After install and uninstall the folder is unchanged, with any init.py or without one."""
    home = tmp_path / ".nuke"
    home.mkdir()
    if content is not None:
        (home / "init.py").write_bytes(content)
        (home / "init.py").chmod(0o640)
    nuke.install(home, python=PYTHON)
    nuke.install(home, python="/another/python")
    (home / "stcn" / "__pycache__").mkdir()
    (home / "stcn" / "__pycache__" / "menu.cpython-310.pyc").write_bytes(b"compiled")
    changes = nuke.uninstall(home)
    assert tree(home) == ({} if content is None else {"init.py": content})
    assert sorted(path.name for path in home.iterdir()) == ([] if content is None else ["init.py"])
    assert (home / "init.py" in changes.removed) == (content is None)
    if content is not None:
        assert (home / "init.py").stat().st_mode & 0o777 == 0o640
    assert not nuke.uninstall(home)


def test_uninstall_keeps_files_of_the_user(home):
    """Changed and added files stay and are returned; all others are removed."""
    before = tree(home)
    nuke.install(home, python=PYTHON)
    (home / "stcn" / "menu.py").write_text("# mine\n")
    (home / "stcn" / "icons").mkdir()
    (home / "stcn" / "icons" / "mine.png").write_bytes(b"png")
    changes = nuke.uninstall(home)
    assert tree(home) == {**before, "stcn/menu.py": b"# mine\n", "stcn/icons/mine.png": b"png"}
    assert set(changes.kept) == {home / "stcn" / "menu.py", home / "stcn" / "icons" / "mine.png"}
    with pytest.raises(InstallError, match=r"menu\.py: the file is in the way"):
        nuke.install(home, python=PYTHON)
    (home / "stcn" / "menu.py").unlink()
    assert nuke.install(home, python=PYTHON).kept == (home / "stcn" / "icons" / "mine.png",)


def older(home: Path) -> None:
    """Make an installation look older: one file missing, one extra, one with other content."""
    nuke.install(home, python=PYTHON)
    ours = home / "stcn"
    (ours / "batch.py").write_text("# old\n")
    (ours / "gone.py").write_text("# no longer shipped\n")
    (ours / "site" / "stcn_plugin" / "frames.py").unlink()
    record = json.loads((ours / "stcn_install.json").read_text())
    record["version"] = "0.0.1"
    record["files"]["batch.py"] = hashlib.sha256(b"# old\n").hexdigest()
    record["files"]["gone.py"] = hashlib.sha256(b"# no longer shipped\n").hexdigest()
    del record["files"]["site/stcn_plugin/frames.py"]
    (ours / "stcn_install.json").write_text(json.dumps(record))


def test_older_version_is_replaced(home, tmp_path):
    """After an update the folder equals a fresh installation; only changed files are returned."""
    older(home)
    changes = nuke.install(home, python=PYTHON)
    fresh = tmp_path / "fresh"
    shutil.copytree(home, fresh, ignore=shutil.ignore_patterns("stcn"))
    nuke.install(fresh, python=PYTHON)
    assert tree(home) == tree(fresh)
    names = {path.relative_to(home / "stcn").as_posix() for path in changes.written}
    assert names == {"batch.py", "site/stcn_plugin/frames.py", "stcn_install.json"}
    assert changes.removed == (home / "stcn" / "gone.py",)


def test_an_update_keeps_changes_of_the_user(home):
    """A changed file is replaced and kept under another name, every time; an added file stays."""
    nuke.install(home, python=PYTHON)
    menu = home / "stcn" / "menu.py"
    shipped = menu.read_bytes()
    (home / "stcn" / "mine.py").write_text("# added\n")
    menu.write_text("# mine\n")
    changes = nuke.install(home, python=PYTHON)
    assert menu.read_bytes() == shipped
    assert menu.with_name("menu.py.yours").read_text() == "# mine\n"
    assert set(changes.kept) == {menu.with_name("menu.py.yours"), menu.with_name("mine.py")}
    menu.write_text("# mine again\n")
    nuke.install(home, python=PYTHON)
    assert menu.with_name("menu.py.yours").read_text() == "# mine\n"
    assert menu.with_name("menu.py.yours2").read_text() == "# mine again\n"
    assert not nuke.install(home, python=PYTHON)


def test_a_line_of_the_user_is_not_changed(home):
    """If init.py already adds the plugin, neither install nor uninstall changes it."""
    content = b"import nuke\nnuke.pluginAddPath('./stcn')\n"
    (home / "init.py").write_bytes(content)
    assert home / "init.py" not in nuke.install(home, python=PYTHON).written
    assert home / "init.py" in nuke.uninstall(home).kept
    assert (home / "init.py").read_bytes() == content


def test_uninstall_after_the_folder_was_deleted(home):
    """If the user deleted the folder, uninstall still removes the line."""
    before = tree(home)
    nuke.install(home, python=PYTHON)
    shutil.rmtree(home / "stcn")
    assert nuke.uninstall(home).written == (home / "init.py",)
    assert tree(home) == before


def test_a_linked_init_stays_a_link(home, tmp_path):
    """If init.py is a link, the line is added to its target."""
    real = tmp_path / "dotfiles.py"
    content = (home / "init.py").read_bytes()
    (home / "init.py").rename(real)
    (home / "init.py").symlink_to(real)
    nuke.install(home, python=PYTHON)
    assert (home / "init.py").is_symlink()
    assert LINE in real.read_bytes()
    nuke.uninstall(home)
    assert (home / "init.py").is_symlink()
    assert real.read_bytes() == content


@pytest.mark.parametrize("state", ["fresh", "older"])
def test_a_failure_at_the_end_changes_nothing(home, monkeypatch, state):
    """If the disk is full for the last file, the folder is unchanged."""
    if state == "older":
        older(home)
        (home / "init.py").write_bytes(b"import nuke\n")
    before = tree(home)

    real = os.write

    def full(descriptor, data):
        if LINE in bytes(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(descriptor, data)

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(InstallError, match=r"init\.py: the file cannot be written: no space left.*Free some space"):
        nuke.install(home, python=PYTHON)
    assert tree(home) == before


def test_a_failure_while_copying_changes_nothing(home, monkeypatch):
    """If the disk is full for one of the first files, the folder is unchanged."""
    older(home)
    before = tree(home)
    written = []
    real = os.write

    def full(descriptor, data):
        written.append(data)
        if len(written) > 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(descriptor, data)

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(InstallError, match=r"no space left on device.*Free some space there"):
        nuke.install(home, python=PYTHON)
    assert len(written) == 4
    assert tree(home) == before


def test_a_killed_run_is_recovered(home):
    """After a kill between moving the old folder away and the new one in, the next run restores the old one."""
    older(home)
    (home / "stcn" / "mine.py").write_text("# added\n")
    (home / "stcn").rename(home / ".stcn.old")
    (home / ".stcn.new").mkdir()
    (home / ".stcn.new" / "half.py").write_text("#")
    nuke.install(home, python=PYTHON)
    assert (home / "stcn" / "mine.py").read_text() == "# added\n"
    assert sorted(path.name for path in home.iterdir()) == ["init.py", "look.gizmo", "stcn"]


def link(home: Path) -> None:
    (home / "stcn").symlink_to(home)


def file(home: Path) -> None:
    (home / "stcn").write_text("mine")


def foreign_folder(home: Path) -> None:
    (home / "stcn").mkdir()
    (home / "stcn" / "init.py").write_text("# mine\n")


def damaged_record(home: Path) -> None:
    (home / "stcn").mkdir()
    (home / "stcn" / "stcn_install.json").write_text('{"python": ')


@pytest.mark.parametrize(
    ("obstacle", "message"),
    [
        (link, "stcn: a link or a file of that name exists.*Move or rename it"),
        (file, "stcn: a link or a file of that name exists.*Move or rename it"),
        (foreign_folder, r"stcn/init\.py: the file is in the way"),
        (damaged_record, r"stcn_install\.json: the record of the installed files is damaged"),
    ],
)
def test_other_files_are_never_overwritten(home, obstacle, message):
    """Files that stcn did not create are an error that names them, and nothing is changed."""
    obstacle(home)
    before = sorted(home.rglob("*"))
    with pytest.raises(InstallError, match=message):
        nuke.install(home, python=PYTHON)
    assert sorted(home.rglob("*")) == before


def test_a_folder_that_is_a_file_is_an_error(tmp_path):
    """The error has the path and a fix."""
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(InstallError, match=r"notes\.txt.*Choose another folder: a part of this path is a file"):
        nuke.install(tmp_path / "notes.txt", python=PYTHON)


@pytest.mark.skipif(getattr(os, "geteuid", lambda: 0)() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_an_error(home):
    """The error has the reason and a fix."""
    home.chmod(0o500)
    try:
        with pytest.raises(InstallError, match=r"permission denied.*Choose a folder you may write to"):
            nuke.install(home, python=PYTHON)
    finally:
        home.chmod(0o700)
    assert sorted(path.name for path in home.iterdir()) == ["init.py", "look.gizmo"]
