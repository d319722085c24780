"""What weights say of themselves."""

from __future__ import annotations

from stcn_plugin.training.card import Origins
from stcn_plugin.training.config import Data, Pretrained, Source, TrainingConfig


def test_licences_add_up_along_a_chain_of_runs():
    """Weights from weights from weights name every licence once, as a list and not as a list of lists."""

    def origins(folder: str, licence: str, before: str, encoder: Pretrained | None = None) -> Origins:
        data = Data(clips=(Source(folder=folder, licence=licence),))
        config = TrainingConfig(out="run", data=data, key_encoder=encoder)
        return Origins(config, 1, 1.0, "cpu", None, before)

    first = origins("a", "CC0", "", Pretrained(file="encoder.pth", licence="Apache-2.0"))
    second = origins("b", "ours; not for others", first.licence)
    third = origins("c", "CC0", second.licence)
    assert first.licence == "of all that it was made from: CC0 + Apache-2.0"
    assert third.licences == ("CC0", "ours; not for others", "Apache-2.0")


def test_a_licence_in_words_stays_as_it_is():
    """What somebody wrote about the weights a run started from is not taken apart."""
    data = Data(clips=(Source(folder="a", licence="CC0"),))
    origins = Origins(TrainingConfig(out="run", data=data), 1, 1.0, "cpu", None, "the studio's; ask first")
    assert origins.licences == ("CC0", "the studio's; ask first")
