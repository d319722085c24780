"""The command line, ``stcn``. Each command is imported only when it is called: ``stcn --help`` waits for nothing."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

import click

from stcn_plugin import __version__
from stcn_plugin.errors import CancelledError, STCNError

_INTERRUPTED = 130  # what a shell gives for a program that Ctrl-C ended

_COMMANDS: Mapping[str, tuple[str, str]] = {
    "propagate": ("stcn_plugin.cli.propagate:propagate", "Propagate keyframe mattes over a shot."),
    "presets": ("stcn_plugin.cli.presets:presets", "List, show and check presets and shot files."),
    "weights": ("stcn_plugin.cli.weights:weights", "List, add, fetch, check and remove weights."),
    "train": ("stcn_plugin.cli.train:train", "Train a network on clips and stills with masks."),
    "finetune": ("stcn_plugin.cli.finetune:finetune", "Fine-tune weights on a show's own keyframes."),
    "evaluate": ("stcn_plugin.cli.evaluate:evaluate", "Score mattes against ground truth."),
    "install": ("stcn_plugin.cli.install:install", "Install the plugin for Nuke or Blender."),
    "uninstall": ("stcn_plugin.cli.uninstall:uninstall", "Remove the plugin from Nuke or Blender."),
    "doctor": ("stcn_plugin.cli.doctor:doctor", "Check that jobs can run on this machine."),
}


class LazyGroup(click.Group):
    """A group that knows its commands' one-line help by heart and imports a command when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Name all commands, in the order of use."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import a command."""
        if cmd_name not in _COMMANDS:
            return None
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
    """Gather the commands."""


def main() -> None:
    """Run the command line; errors go to stderr as one message, never as a traceback.

    Exit codes: 0 done, 1 an error, 2 wrong usage, 130 stopped by Ctrl-C.
    """
    try:
        status = stcn.main(prog_name="stcn", standalone_mode=False)
    except click.exceptions.Abort:
        click.echo("stcn: stopped", err=True)
        raise SystemExit(_INTERRUPTED) from None
    except click.ClickException as error:
        error.show()
        raise SystemExit(error.exit_code) from None
    except (CancelledError, KeyboardInterrupt) as error:
        click.echo(f"stcn: {error}" if str(error) else "stcn: stopped", err=True)
        raise SystemExit(_INTERRUPTED) from None
    except STCNError as error:
        click.echo(f"stcn: {error}", err=True)
        raise SystemExit(1) from None
    raise SystemExit(status if isinstance(status, int) else 0)
