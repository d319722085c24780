"""Adding and removing the line in init.py restores every byte."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stcn_plugin.install.init_file import LINE, adds_plugin, has_line, with_line, without_line

SHAPES = {
    "empty": b"",
    "one line": b"import nuke\n",
    "no line break at the end": b"import nuke\nnuke.pluginAddPath('./gizmos')",
    "Windows": b"import nuke\r\nnuke.pluginAddPath('./gizmos')\r\n",
    "Windows, no line break at the end": b"import nuke\r\nx = 1",
    "another coding": b"# -*- coding: latin-1 -*-\nNAME = 'M\xfcller'\n",
    "docstring and future import": b'"""Ours."""\nfrom __future__ import annotations\n',
    "indented end": b"if True:\n    x = 1\n",
    "commented out": b"# nuke.pluginAddPath('./stcn')\n",
    "another folder": b"pass; ('./stcn_other')\n",
}


@pytest.mark.parametrize("content", SHAPES.values(), ids=SHAPES)
def test_the_line_works_and_can_be_removed(monkeypatch, content):
    """Nuke runs the user's code and the line, once; after removal, the file is unchanged."""
    called = []
    nuke = ModuleType("nuke")
    nuke.pluginAddPath = called.append
    monkeypatch.setitem(sys.modules, "nuke", nuke)
    extended = with_line(content)
    exec(compile(extended, "init.py", "exec"), {})
    assert called.count("./stcn") == 1
    assert extended.startswith(content)
    assert without_line(extended) == content


@given(st.lists(st.sampled_from([b"x", b"\n", b"\r", b"\r\n", b"\xff", b" "])).map(b"".join))
@example(b"a\r")
def test_way_back_from_any_bytes(content):
    """Whatever the bytes, the line is found again and leaves no trace."""
    extended = with_line(content)
    assert has_line(extended)
    assert without_line(extended) == content


@pytest.mark.parametrize(
    ("content", "added", "left"),
    [
        (b"x = 1", b"\ny = 2\n", b"x = 1\ny = 2\n"),
        (b"x = 1\n", b"y = 2\n", b"x = 1\ny = 2\n"),
        (b"x = 1\r\n", b"y = 2\r\n", b"x = 1\r\ny = 2\r\n"),
        (b"", b"y = 2", b"y = 2"),
    ],
)
def test_later_lines_stay(content, added, left):
    """Lines that the user adds after the line stay."""
    assert without_line(with_line(content) + added) == left


@pytest.mark.parametrize(
    ("content", "leads"),
    [
        (LINE, True),
        (b"nuke.pluginAddPath('./stcn')\n", True),
        (b'x = 1\nif x:\n    nuke.pluginAddPath( "stcn/" )', True),
        (b"# nuke.pluginAddPath('./stcn')", False),
        (b"# " + LINE, False),
        (b"nuke.pluginAddPath('./stcn_tools')", False),
    ],
)
def test_users_own_line_counts(content, leads):
    """A line of the user that adds the plugin is enough; a comment or another folder is not."""
    assert adds_plugin(content) is leads
    assert without_line(b"nuke.pluginAddPath('./stcn')\n") == b"nuke.pluginAddPath('./stcn')\n"
