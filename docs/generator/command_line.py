"""``command-line.md``: every command of ``stcn``, from the help of the commands themselves."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterator

import click

from generator.text import table
from stcn_plugin.cli import stcn

_INTRO = """\
# Command line

`--help` prints the same text for each command.

[Exit codes](exit-codes.md): 0 done, 1 an error, 2 wrong usage, 75 an error after which another try may succeed; stopped
by a signal: 129 SIGHUP, 130 SIGINT (Ctrl-C), 143 SIGTERM. An error is one message on stderr: what is wrong, where, and
what to do. `stcn presets check`, `stcn weights check` and `stcn doctor` exit with 1 if they find a problem.
"""


def page() -> str:
    """Return the page."""
    context = click.Context(stcn, info_name="stcn")
    return "\n".join([_INTRO, *map(_entry, _commands(context))])


def _commands(parent: click.Context) -> Iterator[click.Context]:
    """Yield every command below a group, groups before their commands."""
    group = parent.command
    assert isinstance(group, click.Group)
    for name in group.list_commands(parent):
        command = group.get_command(parent, name)
        assert command is not None
        context = click.Context(command, info_name=name, parent=parent)
        yield context
        if isinstance(command, click.Group):
            yield from _commands(context)


def _entry(context: click.Context) -> str:
    command = context.command
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    level = "##" if context.parent and context.parent.parent is None else "###"
    parts = [f"{level} {context.command_path}\n"]
    if not isinstance(command, click.Group):
        parts.append(f"```text\n{usage}\n```\n")
    parts += _paragraphs(command.help or "")
    rows = [
        (f"`{names}`", text)
        for parameter in command.get_params(context)
        if (record := parameter.get_help_record(context)) and record[1] and "--help" not in record[0]
        for names, text in [record]
    ]
    if rows:
        parts.append(f"{table(('option', 'meaning'), rows)}\n")
    parts += _paragraphs(command.epilog or "")
    return "\n".join(parts)


def _paragraphs(text: str) -> Iterator[str]:
    r"""Yield the paragraphs of a help text as Markdown.

    A paragraph that starts with ``\b`` keeps its lines: commands under a title, a table, or sentences of one line each.
    """
    for paragraph in re.split(r"\n\s*\n|\n(?=\x08)", inspect.cleandoc(text)):
        if not paragraph.startswith("\b"):
            if paragraph:
                yield f"{' '.join(paragraph.split())}\n".replace("<", "\\<")
            continue
        lines = paragraph.splitlines()[1:]
        if not lines[0].startswith(" ") and all(line.startswith(" ") for line in lines[1:]):
            yield f"{lines.pop(0)}\n"
        is_code = all(line.startswith(" ") for line in lines) or any("   " in line for line in lines)
        if is_code and lines:
            yield f"```text\n{textwrap.dedent(chr(10).join(lines))}\n```\n"
        elif lines:
            yield f"{chr(10).join(lines)}\n"
