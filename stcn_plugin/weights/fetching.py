"""Published weights from their authors' release, or from a mirror of it, into the store."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from stcn_plugin.errors import CancelledError, WeightsError
from stcn_plugin.weights.download import download
from stcn_plugin.weights.entry import WeightsEntry, clean, file_hash
from stcn_plugin.weights.known_hashes import KnownHashes, is_sha256
from stcn_plugin.weights.official import LICENCE, OFFICIAL, RELEASE, OfficialWeights
from stcn_plugin.weights.store import WeightsStore
from stcn_plugin.weights.web_address import WebAddress, web_address


def fetch(
    store: WeightsStore,
    name: str,
    *,
    confirm: Callable[[str], bool],
    progress: Callable[[int, int | None], None],
    base_url: str | None = None,
    sha256: str | None = None,
    replace: bool = False,
) -> WeightsEntry:
    """Download published weights and take them into the store; whole or not at all.

    The file must have the hash that its authors state, else that of its first download into this store.

    Args:
        store: The store.
        name: Name of the published weights, see `stcn_plugin.weights.official`.
        confirm: Asked once, before anything is downloaded.
        progress: Told the bytes so far, and their total where the server says it.
        base_url: Folder on a web server that has the files, by https; the authors' release by default.
        sha256: Hash that the file must have, hexadecimal; goes over the one that is known, and is known from then on.
        replace: Overwrite an entry of that name.

    Raises:
        CancelledError: ``confirm`` said no.
        WeightsError: They are not published, not to be downloaded directly, did not come whole, are another file
            than before, or do not fit.
    """
    official = OFFICIAL.get(name)
    if official is None:
        raise WeightsError(
            f"no published weights are called '{clean(name)}'",
            fix=f"Choose {', '.join(OFFICIAL)}, or add a file of yours",
        )
    store.check_name(name, replace=replace)
    if official.pages and base_url is None:
        raise WeightsError(
            f"'{name}' is published on pages that only a browser can download from",
            fix=f"Download {official.file} from {' or '.join(official.pages)} "
            f"and use: stcn weights add {official.file} --name {name}",
        )
    if sha256 is not None and not is_sha256(sha256.lower()):
        raise WeightsError("is no sha256", where=clean(sha256), fix="Give 64 hexadecimal digits")
    address = web_address(base_url or RELEASE).of(official.file)
    known = KnownHashes(store.folder)
    expected = (sha256 or official.sha256 or known.get(official.file)).lower()
    if not confirm(_question(official, address, expected, store.folder)):
        raise CancelledError("nothing was downloaded")
    with store.temporary(name) as part:
        download(address, part, progress=progress)
        found = file_hash(part)
        if expected and found != expected:
            raise WeightsError(
                f"what came is another file: its sha256 is {found}, not {expected}",
                where=address.url,
                fix="Do not use it; where you know that it is right, give its hash with --sha256",
            )
        try:
            entry = store.add(part, name=name, licence=LICENCE, source=address.recorded, replace=replace)
        except WeightsError as error:
            raise WeightsError(f"what came is not usable: {error.what}", where=address.url, fix=error.fix) from error
        known.keep(official.file, found)
        return entry


def _question(official: OfficialWeights, address: WebAddress, expected: str, folder: Path) -> str:
    kept = "not stated by its authors; that of this download is kept, and other files are refused later"
    return (
        f"Download {address.url}\n  trained on: {official.training}\n  licence: {LICENCE}\n"
        f"  sha256: {expected or kept}\n  to: {folder}\nDownload it?"
    )
