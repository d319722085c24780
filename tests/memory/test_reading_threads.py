"""The number of threads changes no bit of what is read, with any of MKL's kernels."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

_COMPARE = """
import torch
from stcn_plugin.memory.reading import readout, search_keys, search_queries, similarity

generator = torch.Generator().manual_seed(0)
for pixels, elements in ((60, 150), (77, 777), (330, 480)):
    keys = search_keys(torch.randn(64, elements, generator=generator))
    queries = search_queries(torch.randn(64, pixels, generator=generator))
    values = torch.randn(elements, 512, generator=generator)
    found = []
    for threads in (1, 2, 3, 5):
        torch.set_num_threads(threads)
        similarities = similarity(keys, queries)
        found.append([similarities, *(readout(similarities, values, top_k=top_k) for top_k in (20, None))])
        assert torch.get_num_threads() == threads
    for each in found[1:]:
        for name, one, other in zip(("similarity", "top 20", "all"), found[0], each):
            assert torch.equal(one, other), f"{name} of {pixels} pixels and {elements} elements"
"""


@pytest.mark.parametrize("instructions", ["", "AVX2"])
def test_threads_change_no_bit(instructions):
    """An Intel processor runs the kernels of an older one, which round differently if threads share a product."""
    environment = os.environ | ({"MKL_ENABLE_INSTRUCTIONS": instructions} if instructions else {})
    result = subprocess.run([sys.executable, "-c", _COMPARE], env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
