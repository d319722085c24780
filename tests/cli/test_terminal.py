"""Output of the command line: nothing from a file, a path or another process can control the terminal."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from golden.stand_in import golden_frames, golden_masks
from PIL import Image

import stcn_plugin
from stcn_plugin import cli
from stcn_plugin.bridge.printable import printable, printable_lines
from stcn_plugin.cli import tables, terminal
from stcn_plugin.errors import PlateError

STCN = [sys.executable, "-m", "stcn_plugin"]
HOSTILE = "x\x1b]0;owned\x07\x1b[31m\u202egnp\x9b2J\r"


def stcn(*arguments: object, **options) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*STCN, *map(str, arguments)], capture_output=True, text=True, **options)


def control_characters(text: str) -> str:
    """Return the characters of a text that a terminal would interpret."""
    return "".join(each for each in text if each != "\n" and not each.isprintable())


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("sh010 hero", "sh010 hero"),
        ("h\u00e4re \u65e5\u672c\u3000\u8a9e", "h\u00e4re \u65e5\u672c\u3000\u8a9e"),
        ("\U0001f468\u200d\U0001f469", "\U0001f468\u200d\U0001f469"),
        ("\x1b[2J", "\\x1b[2J"),
        ("\x9b2J\x85", "\\x9b2J\\x85"),
        ("a\nb\tc\rd\0", "a\\nb\\tc\\rd\\x00"),
        ("\u202egnp\u2066\u200f", "\\u202egnp\\u2066\\u200f"),
        ("\u2028\u2029\ufeff", "\\u2028\\u2029\\ufeff"),
        ("h\udce4re", "h\\udce4re"),
        ("\U000e0041", "\\U000e0041"),
        ("C:\\x1b", "C:\\x1b"),
    ],
)
def test_control_characters_are_escaped(text, shown):
    """Control characters, direction marks, invisible characters and lone surrogates; all else is unchanged."""
    assert printable(text) == shown


def test_further_lines_of_a_message_are_indented():
    """A file name with a newline cannot imitate a message of its own."""
    assert printable_lines("a\nstcn: done\x1b", indent="  ") == "a\n  stcn: done\\x1b"


def test_every_kind_of_output_is_escaped(capsys):
    """Lines, documents, messages and tables."""
    terminal.echo(HOSTILE + "\nnext")
    terminal.echo_document(HOSTILE)
    terminal.echo_message(HOSTILE)
    tables.print_table(("name",), [(HOSTILE,)], left=1)
    found = capsys.readouterr()
    for text in (found.out, found.err):
        assert control_characters(text) == ""
        assert "\\x1b]0;owned" in text
    assert len(found.out.splitlines()) == 4
    assert found.err.startswith("stcn: x\\x1b")


def test_a_table_on_a_terminal_is_escaped(capsys, monkeypatch):
    """The cells have no sequences; the formatting of the header has."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    tables.print_table(("name",), [(HOSTILE,)], left=1)
    assert "\x1b]0" not in (shown := capsys.readouterr().out)
    assert "\u202e" not in shown
    assert "\x1b[" in shown  # the header is bold


def test_commands_print_only_through_the_terminal_module():
    """No command bypasses the escaping."""
    for path in (Path(stcn_plugin.__file__).parent / "cli").glob("*.py"):
        if path.name == "terminal.py":
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call):
                assert ast.unparse(node.func) not in ("click.echo", "click.secho", "print"), (
                    f"{path.name}:{node.lineno}"
                )


@pytest.fixture
def folder(tmp_path) -> Path:
    """A plate of two frames and a keyframe, in a folder with a hostile name."""
    folder = tmp_path / HOSTILE.replace("/", "")
    folder.mkdir()
    for number, frame in enumerate(golden_frames(2, 64, 96)):
        Image.fromarray(frame).save(folder / f"p.{1001 + number}.png")
    Image.fromarray(golden_masks(64, 96)[0] * np.uint8(255)).save(folder / "key.png")
    return folder


@pytest.mark.slow
def test_a_job_with_hostile_names(folder):
    """Progress, summary, log, warnings and errors are escaped, and the files on disk have the real names."""
    plugin = folder.parent / "noisy.py"
    plugin.write_text(
        "import sys\n"
        "from stcn_plugin.bridge import hookimpl\n"
        f"sys.stderr.write({HOSTILE!r} + '\\n')\n"
        "@hookimpl\n"
        f"def stcn_frame_written(frame): raise ValueError({HOSTILE!r})\n"
    )
    flags = ("--plate", folder / "p.####.png", "--keyframe", f"1001={folder / 'key.png'}", "--preset", "draft")
    done = stcn("propagate", *flags, "--out", folder / "o" / "m.####.exr", "--plugin", plugin, "--verbose")
    assert done.returncode == 0, done.stderr
    assert control_characters(done.stderr) == ""
    assert "2 frames (1001-1002)" in done.stderr
    assert "stcn: warning: " in done.stderr
    assert len(list((folder / "o").glob("*.exr"))) == 2
    for wrong in (("--range", HOSTILE), ("--weights", HOSTILE), ("--set", f"{HOSTILE}=1"), (f"--{HOSTILE}",), ("--preset", HOSTILE)):  # fmt: skip
        failed = stcn("propagate", *flags, "--out", folder / "w" / "m.####.exr", *wrong)
        assert failed.returncode in (1, 2)
        assert control_characters(failed.stderr) == "", wrong
        assert failed.stderr


@pytest.mark.slow
def test_other_commands_with_hostile_names(folder):
    """Presets, weights, evaluation and the doctor."""
    environment = {**os.environ, "STCN_PRESET_PATH": str(folder), "STCN_WEIGHTS_DIR": str(folder)}
    (folder / "look.yaml").write_text("description: a look\nsize: 64\n")
    for arguments in (
        ("presets", "list"),
        ("presets", "show", "look"),
        ("presets", "check", folder / "look.yaml", folder / "gone.yaml"),
        ("weights", "list"),
        ("weights", "add", folder / "key.png"),
        ("evaluate", folder / "a.####.exr", folder / "b.####.exr"),
        ("doctor", "--folder", folder / "d", "--weights", HOSTILE),
    ):
        found = stcn(*arguments, env=environment)
        assert control_characters(found.stdout + found.stderr) == "", arguments
        assert "Traceback" not in found.stderr


def test_an_encoding_that_lacks_characters(tmp_path):
    """Characters that the terminal's encoding lacks are escaped."""
    (tmp_path / "\u65e5\u672c.yaml").write_text("size: 64\n")
    environment = {**os.environ, "STCN_PRESET_PATH": str(tmp_path), "PYTHONIOENCODING": "latin-1:strict"}
    found = stcn("presets", "list", env=environment)
    assert (found.returncode, found.stderr) == (0, "")
    assert "\\u65e5\\u672c" in found.stdout


def test_a_closed_stdout():
    """As with ``head``: no traceback, and the exit code that a shell reports for SIGPIPE."""
    with subprocess.Popen([*STCN, "train", "--settings"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


def test_a_closed_stderr():
    """The exit code is unchanged."""
    with subprocess.Popen([*STCN, "presets", "check", "/gone.yaml"], stderr=subprocess.PIPE) as process:
        process.stderr.close()
    assert process.returncode == 1


def test_an_unexpected_error_is_one_message(monkeypatch, capsys):
    """It has the line of code instead of a traceback."""

    def fail(**_: object) -> None:
        raise UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte")

    monkeypatch.setattr(cli.stcn, "main", fail)
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert caught.value.code == 1
    stderr = capsys.readouterr().err
    assert stderr.startswith("stcn: unexpected UnicodeDecodeError: 'utf-8' codec can't decode byte 0xff")
    assert "(stcn_plugin.cli, line " in stderr
    assert len(stderr.splitlines()) == 1


def test_an_error_of_the_package_is_one_message(monkeypatch, capsys):
    """It is printed to stderr, after the name of the program."""

    def fail(**_: object) -> None:
        raise PlateError("is cut", where="p.1001.exr", fix="Copy it")

    monkeypatch.setattr(cli.stcn, "main", fail)
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert (caught.value.code, capsys.readouterr().err) == (1, "stcn: p.1001.exr: is cut. Copy it.\n")
