"""The weights published by the authors of STCN: addresses and licence."""

from __future__ import annotations

from dataclasses import dataclass

RELEASE = "https://github.com/hkchengrex/STCN/releases/download/1.0"
"""Folder of the files that can be downloaded directly."""

LICENCE = "repository MIT, weights not mentioned; training data in part for non-commercial use only"
"""What is known about the licence."""


@dataclass(frozen=True)
class OfficialWeights:
    """One published file.

    Args:
        name: Name in the weights store.
        file: Name of the published file.
        training: Training data.
        pages: Web pages to download it from by hand; empty if it is in the release.
        sha256: Hash published by the authors, hexadecimal; empty if there is none.
    """

    name: str
    file: str
    training: str
    pages: tuple[str, ...] = ()
    sha256: str = ""


OFFICIAL: dict[str, OfficialWeights] = {
    one.name: one
    for one in (
        OfficialWeights("stcn_s0", "stcn_s0.pth", "static images; a start for training, weak on footage"),
        OfficialWeights("stcn_s01", "stcn_s01.pth", "static images and BL30K renderings; no real footage"),
        OfficialWeights(
            "stcn_s012",
            "stcn.pth",
            "static images, BL30K, YouTube-VOS and DAVIS; the best",
            (
                "https://drive.google.com/file/d/1mRrE0uCI2ktdWlUgapJI_KmgeIiF2eOm/view",
                "https://uillinoisedu-my.sharepoint.com/:u:/g/personal/hokeikc2_illinois_edu/Eav35v3GZIZFiq6dv9BM8n0BHtR1hD7QU9tcxH7hylG3dA?e=NXJpTu",
            ),
        ),
        OfficialWeights(
            "stcn_s03",
            "stcn_s03.pth",
            "static images, YouTube-VOS and DAVIS",
            (
                "https://drive.google.com/file/d/1JllXPJZola0G-g1aUQfXe9nLMBioj-aH/view",
                "https://uillinoisedu-my.sharepoint.com/:u:/g/personal/hokeikc2_illinois_edu/EdhurrdqNTFIoK43NsboxOgBPTsMlJBoKOirflGUn-JqBA?e=8NATDz",
            ),
        ),
    )
}
"""Every published file by its name in the store."""
