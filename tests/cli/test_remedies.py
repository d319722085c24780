"""What the command line says about mistakes in a command: what is wrong, and what to do."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from stcn_plugin.cli import stcn
from stcn_plugin.errors import WeightsError


@pytest.mark.parametrize(
    ("typed", "hint"), [("propagat", "Did you mean 'propagate'?"), ("nothing", "There are: propagate, review, ")]
)
def test_unknown_command(typed, hint):
    """The message suggests a similar command, or lists all."""
    with pytest.raises(click.UsageError) as caught:
        CliRunner().invoke(stcn, [typed], catch_exceptions=False, standalone_mode=False)
    assert f"No such command '{typed}'. {hint}" in caught.value.message


@pytest.mark.parametrize("content", [None, b"text\n" * 100, b"PK\x03\x04" + bytes(100), b"\x80\x02}q\x00."])
def test_file_without_weights(content, tmp_path):
    """Whatever is wrong with a file of weights, the message names it and says what to do."""
    file = tmp_path / "weights.pth"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(WeightsError) as caught:
        CliRunner().invoke(stcn, ["weights", "add", str(file)], catch_exceptions=False, standalone_mode=False)
    assert str(file) in caught.value.where
    assert caught.value.fix
