"""Atomic file writes, which are safe on full disks and after power failures.

Every file is written to a hidden temporary file next to it, synced, and renamed. Write errors are always reported, and
an existing file remains until its replacement is complete.
"""

from __future__ import annotations

from stcn_plugin.atomic._errors import cause_and_fix, output_errors
from stcn_plugin.atomic._outputs import Outputs, temporary_file, write_atomic
from stcn_plugin.atomic._writing import Content

__all__ = ["Content", "Outputs", "cause_and_fix", "output_errors", "temporary_file", "write_atomic"]
