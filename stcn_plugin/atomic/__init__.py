"""Files that appear under their name whole or not at all, also on a full disk and after a power cut.

Every file is written by this package's own calls into a hidden temporary file beside it, synced, and renamed; so a
write that fails is always reported, and what stood under the name before stays until the new file is complete.
"""

from __future__ import annotations

from stcn_plugin.atomic._errors import cause_and_fix, output_errors
from stcn_plugin.atomic._outputs import Outputs, temporary_file, write_atomic
from stcn_plugin.atomic._writing import Content

__all__ = ["Content", "Outputs", "cause_and_fix", "output_errors", "temporary_file", "write_atomic"]
