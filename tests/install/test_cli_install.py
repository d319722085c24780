"""`stcn install` and `stcn uninstall` on the command line."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

import stcn_plugin
from stcn_plugin.cli.install import install, uninstall
from stcn_plugin.errors import InstallError
from stcn_plugin.install import interpreter, payload
from stcn_plugin.install.interpreter import worker_python

STCN = [sys.executable, "-m", "stcn_plugin"]


def stcn(*arguments: object, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*STCN, *map(str, arguments)], capture_output=True, text=True, cwd=cwd, env={**os.environ, **environment}
    )


def test_nuke_in_the_users_home(tmp_path):
    """The default folder is ~/.nuke; every changed file is printed, and this Python is recorded."""
    result = stcn("install", "nuke", cwd=tmp_path, HOME=str(tmp_path))
    assert (result.returncode, result.stderr) == (0, "")
    home = tmp_path / ".nuke"
    files = {str(path) for path in home.rglob("*") if path.is_file()}
    lines = result.stdout.splitlines()
    assert {line.removeprefix("wrote ") for line in lines if line.startswith("wrote ")} == files
    summary = "\n".join(lines[-3:-1])
    assert f"Nuke plugin {stcn_plugin.__version__}" in summary
    assert f" {sys.executable}." in summary
    assert lines[-1] == f"  nuke -t {home / 'stcn' / 'batch.py'} --help"
    assert (home / "stcn" / "batch.py").is_file()
    again = stcn("install", "nuke", cwd=tmp_path, HOME=str(tmp_path))
    (line,) = again.stdout.splitlines()
    assert f"Nuke plugin {stcn_plugin.__version__}" in line
    assert "nothing was changed" in line
    (home / "stcn" / "mine.txt").write_text("x")
    result = stcn("uninstall", "nuke", cwd=tmp_path, HOME=str(tmp_path))
    lines = result.stdout.splitlines()
    assert {line.removeprefix("removed ") for line in lines if line.startswith("removed ")} == files
    assert lines[-2:] == [f"kept {home / 'stcn' / 'mine.txt'}", "Removed the Nuke plugin."]
    result = stcn("uninstall", "nuke", cwd=tmp_path, HOME=str(tmp_path))
    assert result.stdout == f"There is no Nuke plugin in {home}; nothing was changed.\n"


def test_blender_by_its_program(tmp_path, stand_in):
    """Blender installs and removes the extension; a second run only prints the path of the batch script."""
    program = stand_in()
    result = stcn("install", "blender", "--blender", program, cwd=tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    assert f"wrote {program.parent / 'extensions' / 'stcn_plugin' / 'worker.json'}" in result.stdout
    batch = re.search(r"-P (.*) -- --help$", result.stdout)[1]
    assert Path(batch).name == "batch.py"
    assert Path(batch).is_file()
    hint = result.stdout.splitlines()[-1]
    result = stcn("install", "blender", "--blender", program, cwd=tmp_path)
    summary, line = result.stdout.splitlines()
    assert f"Blender extension {stcn_plugin.__version__}" in summary
    assert "nothing was changed" in summary
    assert line == hint
    result = stcn("uninstall", "blender", "--blender", program, "--dry-run", cwd=tmp_path)
    assert result.stdout == f"would remove {program.parent / 'extensions' / 'stcn_plugin'}\n"


def test_without_blender_the_zip_is_built(tmp_path):
    """Without Blender, the error has the path of the zip and how to install it; a dry run builds nothing."""
    command = ["-c", BARE, "install", "blender"]
    dry = subprocess.run([sys.executable, *command, "--dry-run"], capture_output=True, text=True, cwd=tmp_path)
    assert dry.returncode == 1
    assert list(tmp_path.iterdir()) == []
    result = subprocess.run([sys.executable, *command], capture_output=True, text=True, cwd=tmp_path)
    archive = tmp_path / f"stcn_plugin-{stcn_plugin.__version__}.zip"
    assert (result.returncode, result.stdout) == (1, "")
    assert archive.is_file()
    assert f"no Blender was found. The extension is built: {archive}. Name the program with --blender" in result.stderr
    assert "drag it into Blender's window, or use Edit > Preferences > Get Extensions" in result.stderr
    result = subprocess.run(
        [sys.executable, "-c", BARE, "uninstall", "blender"], capture_output=True, text=True, cwd=tmp_path
    )
    assert (result.returncode, result.stdout) == (1, "")
    assert "remove it in Blender: Edit > Preferences > Get Extensions" in result.stderr


BARE = """
from stcn_plugin.cli import main
from stcn_plugin.install import blender_program
import os
os.environ["PATH"] = "/nowhere"
blender_program._COMMON_PATHS, blender_program._COMMON_PATHS_LINUX = {}, ()
main()
"""


def test_only_the_zip(tmp_path):
    """With --zip nothing is installed, and the manual steps are printed; --blender is an error."""
    result = stcn("install", "blender", "--zip", "stcn.zip", cwd=tmp_path)
    assert result.returncode == 0
    assert result.stdout.startswith(f"wrote {tmp_path / 'stcn.zip'}\nTo install it, drag it into Blender's window")
    assert [path.name for path in tmp_path.iterdir()] == ["stcn.zip"]
    assert stcn("install", "blender", "--zip", "a.zip", "--blender", "b", cwd=tmp_path).returncode == 2


@pytest.mark.parametrize("command", ["install", "install nuke", "install blender", "uninstall", "uninstall nuke"])
def test_help_shows_commands_and_options(tmp_path, command):
    """The help of a group has example commands, the help of a command its options."""
    text = stcn(*command.split(), "--help", cwd=tmp_path).stdout
    group, _, host = command.partition(" ")
    assert ("--dry-run" in text) if host else all(f"stcn {group} {name}" in text for name in ("nuke", "blender"))


def test_hints_can_be_pasted_whatever_the_path(tmp_path, monkeypatch, stand_in):
    """The printed commands are quoted for a shell, also with spaces and quotes in the path."""
    odd = tmp_path / "n s" / "é'q"
    shutil.copytree(payload.hosts_folder(), odd / "hosts")
    stdout = CliRunner().invoke(install, ["nuke", "--dir", str(odd)], catch_exceptions=False).stdout
    assert shlex.split(stdout.splitlines()[-1]) == ["nuke", "-t", str(odd / "stcn" / "batch.py"), "--help"]
    monkeypatch.setattr(payload, "hosts_folder", lambda: odd / "hosts")
    command = ["blender", "--blender", str(stand_in())]
    stdout = CliRunner().invoke(install, command, catch_exceptions=False).stdout
    batch = str(odd / "hosts" / "blender" / "batch.py")
    assert shlex.split(stdout.splitlines()[-1])[-4:] == ["-P", batch, "--", "--help"]


@pytest.mark.parametrize("host", ["nuke", "blender"])
def test_install_and_uninstall_have_the_same_options(host):
    """Every option of uninstall is also one of install, with the same default."""
    into = {option.name: option for option in install.commands[host].params}
    out_of = {option.name: option for option in uninstall.commands[host].params}
    assert set(out_of) == {"dry_run", "folder" if host == "nuke" else "program"}
    for name, option in out_of.items():
        assert (option.opts, option.default) == (into[name].opts, into[name].default)


def python_with(tmp_path: Path, script: str) -> Path:
    program = tmp_path / "python"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return program


def test_this_interpreter_is_recorded_by_default():
    """The interpreter that runs the command is recorded, with links not resolved."""
    assert worker_python() == sys.executable
    assert worker_python(Path(sys.executable)) == sys.executable


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("echo 0.0.1", r"that Python has stcn_plugin 0\.0\.1, .*python -m stcn_plugin install"),
        ("exit 1", "not a Python with stcn_plugin.*--python"),
        ("exit 0", "not a Python with stcn_plugin"),
        ("echo GNU coreutils 9.1", "not a Python with stcn_plugin"),
        ("exec sleep 60", "that Python did not answer within 1 s"),
    ],
)
def test_an_unsuitable_python_is_refused(tmp_path, monkeypatch, script, message):
    """Another version, no stcn_plugin, no answer, or output that is not a version."""
    monkeypatch.setattr(interpreter, "_SECONDS", 1.0)
    with pytest.raises(InstallError, match=message):
        worker_python(python_with(tmp_path, script))


def test_a_missing_python_is_an_error(tmp_path):
    """A missing interpreter is one message on stderr and exit code 1, and nothing is written."""
    result = stcn("install", "nuke", "--dir", "nuke", "--python", "no/python", cwd=tmp_path)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith(
        f"stcn: {tmp_path}/no/python: that Python cannot be started: no such file or directory."
    )
    assert list(tmp_path.iterdir()) == []
