"""The file with the figures of a shot."""

import json

import pytest
from series import GONE, SURE

from stcn_plugin.confidence.arrivals import Arrivals
from stcn_plugin.confidence.store import FrameFigures, encode_figures, read_figures

FRAMES = {
    1001: FrameFigures(
        "digest", {"héros": SURE, "b": GONE}, {"b": Arrivals(0.25, None, 2.5, 0.25), "héros": Arrivals()}
    ),
    -3: FrameFigures("other", {}, {}),
}


def test_figures_are_read_as_they_were_written(tmp_path):
    path = tmp_path / "figures.json"
    path.write_bytes(encode_figures(FRAMES))
    assert read_figures(path) == FRAMES


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: [],
        lambda data: data | {"version": 1},
        lambda data: data | {"frames": {"x": data["frames"]["1001"]}},
        lambda data: data | {"frames": {"1001": {"made_from": "d", "objects": {"a": {"area": 1}}, "arrivals": {}}}},
        lambda data: data | {"frames": {"1001": {"made_from": "d", "objects": [], "arrivals": {}}}},
        lambda data: json.loads(json.dumps(data).replace("0.97", '"0.97"')),
        lambda data: json.loads(json.dumps(data).replace("0.97", "NaN")),
        lambda data: json.loads(json.dumps(data).replace("0.25", "-1")),
        lambda data: json.loads(json.dumps(data).replace("outlier", "other")),
    ],
)
def test_a_damaged_file_is_ignored(tmp_path, damage):
    """Files of other versions and with other content have no figures, instead of raising."""
    path = tmp_path / "figures.json"
    path.write_text(json.dumps(damage(json.loads(encode_figures(FRAMES)))))
    assert read_figures(path) == {}


def test_a_missing_or_truncated_file_is_ignored(tmp_path):
    path = tmp_path / "figures.json"
    assert read_figures(path) == {}
    path.write_bytes(encode_figures(FRAMES)[:-20])
    assert read_figures(path) == {}
