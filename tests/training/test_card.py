"""Provenance of weights."""

from __future__ import annotations

from stcn_plugin.training.card import Provenance
from stcn_plugin.training.config import Data, Pretrained, Source, TrainingConfig


def test_licences_accumulate_over_successive_runs():
    """Every licence is listed once, in a flat list."""

    def provenance(folder: str, licence: str, initial: str, encoder: Pretrained | None = None) -> Provenance:
        data = Data(clips=(Source(folder=folder, licence=licence),))
        config = TrainingConfig(out="run", data=data, init_key_encoder=encoder)
        return Provenance(config, 1, 1.0, "cpu", None, initial)

    first = provenance("a", "CC0", "", Pretrained(file="encoder.pth", licence="Apache-2.0"))
    second = provenance("b", "ours; not for others", first.licence)
    third = provenance("c", "CC0", second.licence)
    assert first.licence == "all of: CC0 + Apache-2.0"
    assert third.licences == ("CC0", "ours; not for others", "Apache-2.0")


def test_a_free_text_licence_is_not_split():
    """The licence of the initial weights may be any text."""
    data = Data(clips=(Source(folder="a", licence="CC0"),))
    provenance = Provenance(TrainingConfig(out="run", data=data), 1, 1.0, "cpu", None, "the studio's; ask first")
    assert provenance.licences == ("CC0", "the studio's; ask first")
