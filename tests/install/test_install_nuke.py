"""Into a Nuke folder and out again: nothing lost, nothing left, nothing by halves."""

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
    """A Nuke folder with an init.py and a gizmo of the user's."""
    home = tmp_path / ".nuke"
    home.mkdir()
    (home / "init.py").write_bytes(b"import nuke\nnuke.pluginAddPath('./gizmos')")
    (home / "look.gizmo").write_bytes(b"Gizmo {}")
    return home


def test_everything_is_there_and_recorded(home):
    """The host's files, the bridge and pluggy with its licence lie in one folder; the record holds a hash of each."""
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


def test_what_was_installed_imports_by_itself(home):
    """With the site folder alone, a bare Python imports the bridge, from there and with the pluggy that lies there."""
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


def test_second_run_changes_nothing(home):
    """The same install again finds nothing to do and touches no file; another interpreter changes the record alone."""
    nuke.install(home, python=PYTHON)
    before = {path: path.stat().st_mtime_ns for path in home.rglob("*")}
    assert not nuke.install(home, python=PYTHON)
    assert {path: path.stat().st_mtime_ns for path in home.rglob("*")} == before
    changes = nuke.install(home, python="/elsewhere/python")
    assert (changes.written, changes.removed) == ((home / "stcn" / "stcn_install.json",), ())
    assert (home / "init.py").read_bytes().count(LINE) == 1


@pytest.mark.parametrize("dry", ["install", "uninstall"])
def test_dry_run_tells_the_same_and_touches_nothing(home, dry):
    """A dry run names what the real run then changes, and changes nothing itself."""
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
    """After install and uninstall the folder is what it was, with or without an init.py, whatever its shape."""
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


def test_uninstall_keeps_and_names_the_users_files(home):
    """Files changed or added in our folder stay where they are and are named; all others go."""
    before = tree(home)
    nuke.install(home, python=PYTHON)
    (home / "stcn" / "menu.py").write_text("# mine\n")
    (home / "stcn" / "icons").mkdir()
    (home / "stcn" / "icons" / "mine.png").write_bytes(b"png")
    changes = nuke.uninstall(home)
    assert tree(home) == {**before, "stcn/menu.py": b"# mine\n", "stcn/icons/mine.png": b"png"}
    assert set(changes.kept) == {home / "stcn" / "menu.py", home / "stcn" / "icons" / "mine.png"}
    with pytest.raises(InstallError, match=r"menu\.py: the file is in the way.*Move it away"):
        nuke.install(home, python=PYTHON)
    (home / "stcn" / "menu.py").unlink()
    assert nuke.install(home, python=PYTHON).kept == (home / "stcn" / "icons" / "mine.png",)


def older(home: Path) -> None:
    """Turn an install into one of an older version: another file less, one more, one of other content."""
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
    """An older version becomes exactly what a fresh install is; what changed is named, and nothing else."""
    older(home)
    changes = nuke.install(home, python=PYTHON)
    fresh = tmp_path / "fresh"
    shutil.copytree(home, fresh, ignore=shutil.ignore_patterns("stcn"))
    nuke.install(fresh, python=PYTHON)
    assert tree(home) == tree(fresh)
    names = {path.relative_to(home / "stcn").as_posix() for path in changes.written}
    assert names == {"batch.py", "site/stcn_plugin/frames.py", "stcn_install.json"}
    assert changes.removed == (home / "stcn" / "gone.py",)


def test_users_changes_outlive_an_update(home):
    """A file that the user changed gives way and stays beside the new one, again and again; an added one stays."""
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


def test_users_own_line_is_left_alone(home):
    """Where the user's init.py leads to the plugin already, it is not touched, neither in nor out."""
    content = b"import nuke\nnuke.pluginAddPath('./stcn')\n"
    (home / "init.py").write_bytes(content)
    assert home / "init.py" not in nuke.install(home, python=PYTHON).written
    assert home / "init.py" in nuke.uninstall(home).kept
    assert (home / "init.py").read_bytes() == content


def test_line_goes_after_the_folder_was_deleted(home):
    """With the plugin's folder deleted by hand, uninstall still takes the line away, and every byte is as before."""
    before = tree(home)
    nuke.install(home, python=PYTHON)
    shutil.rmtree(home / "stcn")
    assert nuke.uninstall(home).written == (home / "init.py",)
    assert tree(home) == before


def test_linked_init_stays_a_link(home, tmp_path):
    """An init.py that is a link into somebody's dotfiles stays one; the file that it leads to gets the line."""
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
def test_failure_in_the_middle_leaves_what_was(home, monkeypatch, state):
    """A disk that is full for the last file leaves every byte as it was, and says so."""
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


def test_failure_while_copying_leaves_what_was(home, monkeypatch):
    """A disk that fills up among the first files leaves every byte as it was."""
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


def test_killed_run_is_made_good(home):
    """Killed between moving the old folder aside and the new one in, the next run finds the old one again."""
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
        (link, r"stcn: there is a link or a file of that name.*Move it away or rename it, then try again\.$"),
        (file, r"stcn: there is a link or a file of that name.*Move it away or rename it, then try again\.$"),
        (foreign_folder, r"stcn/init\.py: the file is in the way, and stcn did not write it\. Move it away"),
        (damaged_record, r"stcn_install\.json: the record of what was installed is damaged\. Move the folder"),
    ],
)
def test_what_is_in_the_way_is_told(home, obstacle, message):
    """What stcn did not write is never overwritten: the error names it, and nothing is changed."""
    obstacle(home)
    before = sorted(home.rglob("*"))
    with pytest.raises(InstallError, match=message):
        nuke.install(home, python=PYTHON)
    assert sorted(home.rglob("*")) == before


def test_folder_that_is_a_file_is_told(tmp_path):
    """A file where the folder should be is an error with its path and a way out."""
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(InstallError, match=r"notes\.txt.*Choose another folder: a part of this path is a file"):
        nuke.install(tmp_path / "notes.txt", python=PYTHON)


@pytest.mark.skipif(getattr(os, "geteuid", lambda: 0)() == 0, reason="root may write everywhere")
def test_folder_that_is_not_writable_is_told(home):
    """A folder without the permission is an error that says whose fault it is."""
    home.chmod(0o500)
    try:
        with pytest.raises(InstallError, match=r"permission denied.*Choose a folder you may write to"):
            nuke.install(home, python=PYTHON)
    finally:
        home.chmod(0o700)
    assert sorted(path.name for path in home.iterdir()) == ["init.py", "look.gizmo"]
