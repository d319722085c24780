"""Blender's extension commands: calls, results and errors."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from stcn_plugin.errors import InstallError
from stcn_plugin.install import blender, blender_program
from stcn_plugin.install.blender_program import BlenderProgram

PYTHONS = [name for name in os.environ.get("STCN_TEST_BLENDER_PYTHONS", "").split(os.pathsep) if name]


def test_install_uses_blenders_command_once(stand_in):
    """Blender installs the zip; if it is already installed and enabled, a second run does not call Blender again."""
    program = stand_in()
    changes = blender.install(BlenderProgram(program), python="/py")
    folder = program.parent / "extensions" / "stcn_plugin"
    assert folder / "worker.json" in changes.written
    assert {path for path in folder.rglob("*") if path.is_file()} == set(changes.written)
    assert not blender.install(BlenderProgram(program), python="/py")
    calls = (program.parent / "calls.txt").read_text().splitlines()
    assert [call.split()[:6] for call in calls if "--command" in call] == [
        ["--command", "extension", "install-file", "-r", "user_default", "-e"]
    ]
    changes = blender.install(BlenderProgram(program), python="/another/py")
    assert changes.written == (folder / "worker.json",)


def test_disabled_extension_is_enabled_again(stand_in):
    """A disabled extension is installed again."""
    program = stand_in()
    blender.install(BlenderProgram(program), python="/py")
    facts = program.parent / "facts.json"
    facts.write_text(facts.read_text().replace("bl_ext.user_default.stcn_plugin", "bl_ext.user_default.other"))
    assert blender.install(BlenderProgram(program), python="/py")
    assert "bl_ext.user_default.stcn_plugin" in facts.read_text()


def test_remove_uses_blenders_command(stand_in):
    """Blender removes the extension; if it is not installed, nothing happens."""
    program = stand_in()
    assert not blender.uninstall(BlenderProgram(program))
    blender.install(BlenderProgram(program), python="/py")
    changes = blender.uninstall(BlenderProgram(program))
    assert changes.removed == (program.parent / "extensions" / "stcn_plugin",)
    calls = (program.parent / "calls.txt").read_text().splitlines()
    assert calls[-1] == "--command extension remove user_default.stcn_plugin"


def test_dry_runs_only_query(stand_in):
    """A dry run queries Blender but runs none of its commands."""
    program = stand_in()
    assert blender.install(BlenderProgram(program), python="/py", dry_run=True)
    assert not (program.parent / "extensions").exists()
    blender.install(BlenderProgram(program), python="/py")
    assert blender.uninstall(BlenderProgram(program), dry_run=True)
    assert "remove" not in (program.parent / "calls.txt").read_text()


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"version": (3, 4, 1), "repositories": None}, r"Blender 3\.4\.1 is too old: extensions need 4\.2 or later"),
        ({"version": (4, 1, 0), "repositories": None}, r"Blender 4\.1\.0 is too old"),
        ({"repositories": {"blender_org": "/x"}}, r"no repository 'user_default'\. Add a local repository"),
        ({"fails": True}, r"(?s)exit code 1 at `--command extension install-file .*\n  Error: the repository is locked"),
        ({"lies": True}, "the extension is not installed"),
    ],
)  # fmt: skip
def test_errors_of_blender_are_reported(stand_in, facts, message):
    """An old version, a missing repository, and a command that fails or does nothing."""
    with pytest.raises(InstallError, match=message):
        blender.install(BlenderProgram(stand_in(**facts)), python="/py")


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("echo hello", r"Blender did not answer\. .*\n  hello"),
        ("exit 7", r"Blender failed with exit code 7"),
        ("kill -SEGV $$", r"Blender crashed \(signal 11\)"),
        ("exec sleep 60", r"Blender did not finish within 1 s"),
    ],
)
def test_programs_that_are_not_blender_are_refused(tmp_path, monkeypatch, script, message):
    """A program that prints something else, fails, crashes or hangs is an error."""
    monkeypatch.setattr(blender_program, "_SECONDS", 1.0)
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    with pytest.raises(InstallError, match=message):
        BlenderProgram(program).query("stcn_plugin")


def test_a_file_that_cannot_be_run_is_an_error(tmp_path):
    """The error names the path of the program."""
    program = tmp_path / "program"
    program.write_bytes(b"\x00\x01\x02")
    program.chmod(0o755)
    with pytest.raises(InstallError, match=r"program: Blender cannot be started \(.*--blender PATH"):
        BlenderProgram(program).query("stcn_plugin")


def test_programs_are_found(tmp_path, monkeypatch):
    """By a path, by a name on PATH, or without a name on PATH and in common places."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(blender_program, "_COMMON_PATHS_LINUX", (f"{tmp_path}/opt/blender*/blender",))
    monkeypatch.setattr(blender_program, "_COMMON_PATHS", {})
    monkeypatch.chdir(tmp_path)
    assert BlenderProgram.find() is None
    for name in ("opt/blender-4.2/blender", "opt/blender-4.5/blender", "bin/blender", "bin/blender-4.5", "here"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text("#!/bin/sh\n")
        Path(name).chmod(0o755)
    assert BlenderProgram.find() == BlenderProgram(tmp_path / "bin" / "blender")
    assert BlenderProgram.find(Path("here")) == BlenderProgram(tmp_path / "here")
    assert BlenderProgram.find(Path("blender-4.5")) == BlenderProgram(tmp_path / "bin" / "blender-4.5")
    Path("bin/blender").unlink()
    assert BlenderProgram.find() == BlenderProgram(tmp_path / "opt" / "blender-4.5" / "blender")
    with pytest.raises(InstallError, match=r"^nothing: there is no program of that name"):
        BlenderProgram.find(Path("nothing"))


BPY = """\
#!{python}
import os, sys
os.environ["BLENDER_USER_RESOURCES"] = {resources!r}
import bpy
import addon_utils
code = 0
has_preferences = os.path.exists(os.path.join({resources!r}, "config", "userpref.blend"))
if has_preferences and bpy.app.version >= (4, 5):  # as a module, 4.2 crashes when it reads its own preferences
    bpy.ops.wm.read_userpref()
if sys.argv[1:3] == ["--command", "extension"]:
    addon_utils.enable("bl_pkg")
    from bl_pkg import bl_extension_cli
    code = bl_extension_cli.cli_extension_handler(sys.argv[3:])
else:
    exec(sys.argv[sys.argv.index("--python-expr") + 1])
sys.stdout.flush()
os._exit(code)  # as a module, Blender 4.2 crashes in Python's last moments once any panel is registered
"""


@pytest.mark.skipif(not PYTHONS, reason="STCN_TEST_BLENDER_PYTHONS names no Python with bpy")
@pytest.mark.parametrize("python", PYTHONS)
def test_blender_itself_installs_and_removes(tmp_path, python):
    """Real Blender commands validate, install, enable and remove the zip; a second run changes nothing."""
    program = tmp_path / "blender"
    program.write_text(BPY.format(python=python, resources=str(tmp_path / "resources")))
    program.chmod(0o755)
    found = BlenderProgram(program)
    asked = subprocess.run([python, "-c", "import bpy; print(*bpy.app.version)"], capture_output=True, check=True)
    version = [int(number) for number in asked.stdout.split()]
    archive = blender.build_extension(tmp_path, python=sys.executable)
    found.command("validate", str(archive))
    folder = tmp_path / "resources" / "extensions" / "user_default" / "stcn_plugin"
    changes = blender.install(found, python=sys.executable)
    assert folder / "blender_manifest.toml" in changes.written
    assert all(path.is_file() for path in changes.written)
    state = found.query("stcn_plugin")
    assert state.folder == folder
    if version >= [4, 5]:
        assert state.is_enabled
        assert not blender.install(found, python=sys.executable)
    assert blender.uninstall(found).removed == (folder,)
    assert not folder.exists()
    assert not found.query("stcn_plugin").is_enabled
