"""What reaches the terminal: nothing from a file, a path or another process can steer it."""

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


def raw(text: str) -> str:
    """Return the characters of a text that a terminal would act on."""
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
def test_what_a_terminal_would_act_on_is_escaped(text, shown):
    """Control characters of both sets, marks of direction, invisible ones and lone surrogates; all else is shown."""
    assert printable(text) == shown


def test_no_line_of_a_message_looks_like_ours():
    """Newlines that are in an error stay, since our own have them; the lines after them are set in."""
    assert printable_lines("a\nstcn: done\x1b", indent="  ") == "a\n  stcn: done\\x1b"


def test_every_kind_of_output_is_escaped(capsys):
    """Lines, documents, messages and tables."""
    terminal.echo(HOSTILE + "\nnext")
    terminal.echo_document(HOSTILE)
    terminal.echo_message(HOSTILE)
    tables.print_table(("name",), [(HOSTILE,)], left=1)
    found = capsys.readouterr()
    for text in (found.out, found.err):
        assert raw(text) == ""
        assert "\\x1b]0;owned" in text
    assert len(found.out.splitlines()) == 4
    assert found.err.startswith("stcn: x\\x1b")


def test_a_table_on_a_terminal_is_escaped(capsys, monkeypatch):
    """What rich adds is its own: of the cells nothing but text is left."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    tables.print_table(("name",), [(HOSTILE,)], left=1)
    assert "\x1b]0" not in (shown := capsys.readouterr().out)
    assert "\u202e" not in shown
    assert "\x1b[" in shown  # the header is bold


def test_all_printing_of_the_command_line_goes_one_way():
    """No command prints past the place that escapes."""
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


def test_a_job_among_hostile_names(folder):
    """Progress, summary, the worker's log, warnings and errors: what was written is right, what is shown is harmless."""
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
    assert raw(done.stderr) == ""
    assert "2 frames (1001-1002)" in done.stderr
    assert "stcn: warning: " in done.stderr
    assert len(list((folder / "o").iterdir())) == 2
    for wrong in (("--range", HOSTILE), ("--weights", HOSTILE), ("--set", f"{HOSTILE}=1"), (f"--{HOSTILE}",), ("--preset", HOSTILE)):  # fmt: skip
        failed = stcn("propagate", *flags, "--out", folder / "w" / "m.####.exr", *wrong)
        assert failed.returncode in (1, 2)
        assert raw(failed.stderr) == "", wrong
        assert failed.stderr


def test_other_commands_among_hostile_names(folder):
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
        assert raw(found.stdout + found.stderr) == "", arguments
        assert "Traceback" not in found.stderr


def test_an_encoding_that_lacks_characters_is_no_error(tmp_path):
    """A terminal that is not UTF-8 gets escapes, on stdout too."""
    (tmp_path / "\u65e5\u672c.yaml").write_text("size: 64\n")
    environment = {**os.environ, "STCN_PRESET_PATH": str(tmp_path), "PYTHONIOENCODING": "latin-1:strict"}
    found = stcn("presets", "list", env=environment)
    assert (found.returncode, found.stderr) == (0, "")
    assert "\\u65e5\\u672c" in found.stdout


def test_a_reader_who_leaves_is_no_error():
    """As with head: no traceback, and the exit code that a shell gives for SIGPIPE."""
    with subprocess.Popen([*STCN, "train", "--settings"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


def test_a_stderr_that_nobody_reads_is_no_error():
    """The exit code still tells."""
    with subprocess.Popen([*STCN, "presets", "check", "/gone.yaml"], stderr=subprocess.PIPE) as process:
        process.stderr.close()
    assert process.returncode == 1


def test_an_error_that_nobody_foresaw_is_one_message(monkeypatch, capsys):
    """With the place in the code in place of a traceback."""

    def fail(**_: object) -> None:
        raise UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte")

    monkeypatch.setattr(cli.stcn, "main", fail)
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert caught.value.code == 1
    said = capsys.readouterr().err
    assert said.startswith("stcn: unexpected UnicodeDecodeError: 'utf-8' codec can't decode byte 0xff")
    assert "(stcn_plugin.cli, line " in said
    assert len(said.splitlines()) == 1


def test_an_error_in_words_is_told_as_it_is(monkeypatch, capsys):
    """After the name of the program, on stderr."""

    def fail(**_: object) -> None:
        raise PlateError("is cut", where="p.1001.exr", fix="Copy it")

    monkeypatch.setattr(cli.stcn, "main", fail)
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert (caught.value.code, capsys.readouterr().err) == (1, "stcn: p.1001.exr: is cut. Copy it.\n")
