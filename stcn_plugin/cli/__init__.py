"""The command line, ``stcn``. Each command is imported only when it is called, so that ``stcn --help`` is fast."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from importlib import import_module
from io import StringIO

import click

from stcn_plugin import __version__
from stcn_plugin.bridge.signals import exit_code, stop_signals_raised
from stcn_plugin.cli.terminal import accept_any_text, echo_document, echo_message
from stcn_plugin.errors import STCNError, UnexpectedError

_COMMANDS: Mapping[str, tuple[str, str]] = {
    "propagate": ("stcn_plugin.cli.propagate:propagate", "Propagate keyframe mattes over a shot."),
    "review": ("stcn_plugin.cli.review:review", "Write a page about each shot: which frames to look at."),
    "cache": ("stcn_plugin.cli.cache:cache", "List and clear the caches of shots."),
    "farm": ("stcn_plugin.cli.farm:farm", "Split shots into tasks for a render farm."),
    "presets": ("stcn_plugin.cli.presets:presets", "List, show and check presets and shot files."),
    "weights": ("stcn_plugin.cli.weights:weights", "List, add, fetch, check and remove weights."),
    "train": ("stcn_plugin.cli.train:train", "Train a network on clips and stills with masks."),
    "finetune": ("stcn_plugin.cli.finetune:finetune", "Fine-tune weights on a show's own keyframes."),
    "evaluate": ("stcn_plugin.cli.evaluate:evaluate", "Score mattes against ground truth."),
    "install": ("stcn_plugin.cli.install:install", "Install the plugin for Nuke, Blender or Krita."),
    "uninstall": ("stcn_plugin.cli.install:uninstall", "Remove the plugin from Nuke, Blender or Krita."),
    "hosts": ("stcn_plugin.cli.hosts:hosts", "Check host plugins."),
    "doctor": ("stcn_plugin.cli.doctor:doctor", "Check that jobs can run on this machine."),
}


class LazyGroup(click.Group):
    """A group that imports a command when it is called. Its help uses the texts of `_COMMANDS`."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the names of all commands, in order of use."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command.

        Raises:
            click.UsageError: There is none of that name; suggests one with a similar name.
        """
        if cmd_name not in _COMMANDS:
            similar = difflib.get_close_matches(cmd_name, _COMMANDS, 1)
            hint = f" Did you mean '{similar[0]}'?" if similar else f" There are: {', '.join(_COMMANDS)}."
            raise click.UsageError(f"No such command '{cmd_name}'.{hint}", ctx)
        module, _, name = _COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(module), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])


_HELP = """Propagate a keyframe matte over a shot: soft mattes at plate resolution.

\b
Give one keyframe, get mattes for the whole plate:
  stcn propagate --plate 'sh010.####.exr' --keyframe 1001=roto.1001.png --out 'matte.####.exr'

\b
The same from a shot file, with the settings of a preset:
  stcn propagate sh010.yaml --preset hero
"""


@click.group(
    cls=LazyGroup, help=_HELP, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, prog_name="stcn")
def stcn() -> None:
    """The group of all commands."""


def main() -> None:
    """Run the command line. Errors are printed to stderr as one message, without a traceback.

    Exit codes: 0 done, 1 an error, 2 wrong usage, 75 try again; stopped by a signal: 129 SIGHUP, 130 SIGINT (Ctrl-C),
    143 SIGTERM; 141 if the reader of stdout has closed it.
    """
    accept_any_text()
    with stop_signals_raised():
        status = _run()
    raise SystemExit(status)


def _run() -> int:
    """Run the command; return the exit code."""
    try:
        status = stcn.main(prog_name="stcn", standalone_mode=False)
    except click.exceptions.Abort as error:  # raised by click on Ctrl-C, and on end of input at a prompt
        echo_message("stopped")
        return exit_code(error.__context__ or KeyboardInterrupt())
    except click.ClickException as error:
        text = StringIO()
        error.show(text)
        echo_document(text.getvalue().rstrip(), err=True)
        return error.exit_code
    except Exception as error:  # noqa: BLE001 - every error ends in one message and an exit code
        found = error if isinstance(error, STCNError) else UnexpectedError.of(error)
        echo_message(str(found))
        return exit_code(found)
    return status if isinstance(status, int) else 0
