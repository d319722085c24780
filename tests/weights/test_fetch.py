"""Download of published weights from a local https server."""

from __future__ import annotations

import hashlib
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result
from safetensors.torch import load_file, save_file

from stcn_plugin.cli.weights import weights as command
from stcn_plugin.errors import CancelledError, WeightsError
from stcn_plugin.weights import download as download_module
from stcn_plugin.weights.download import download
from stcn_plugin.weights.fetching import fetch as fetch_weights
from stcn_plugin.weights.known_hashes import FILE as KNOWN
from stcn_plugin.weights.official import OFFICIAL, RELEASE
from stcn_plugin.weights.store import WeightsStore
from stcn_plugin.weights.web_address import web_address, without_credentials

CERTIFICATE = Path(__file__).with_name("loopback.pem")


class Server:
    """Serves byte strings by path, with faults that a test chooses."""

    def __init__(self, *, is_encrypted: bool = True) -> None:
        self.files: dict[str, bytes] = {}
        self.cut: int | None = None
        self.length: str | None = "of the body"
        self.redirect: str | None = None
        self.endless = False
        self.asked: list[str] = []
        self.credentials: list[str | None] = []
        served = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                served.asked.append(self.path)
                served.credentials.append(self.headers.get("Authorization"))
                if served.redirect:
                    self.send_response(302)
                    self.send_header("Location", served.redirect)
                    self.end_headers()
                    return
                body = served.files.get(self.path)
                if body is None:
                    self.send_error(404)
                    return
                self.send_response(200)
                if served.length is not None:
                    length = str(len(body)) if served.length == "of the body" else served.length
                    self.send_header("Content-Length", length)
                self.end_headers()
                with suppress(OSError):  # the client may disconnect
                    self.wfile.write(body[: served.cut])
                    while served.endless:
                        self.wfile.write(bytes(1 << 16))

            def log_message(self, *_: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.place = f"127.0.0.1:{self._http.server_port}"
        self.url = f"http{'s' if is_encrypted else ''}://{self.place}/1.0"
        if is_encrypted:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(CERTIFICATE)
            self._http.socket = context.wrap_socket(self._http.socket, server_side=True)
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def stop(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    running = Server()
    yield running
    running.stop()


@pytest.fixture
def plain() -> Iterator[Server]:
    """A server without encryption that must not receive requests."""
    running = Server(is_encrypted=False)
    yield running
    running.stop()
    assert running.asked == []


@pytest.fixture(scope="module")
def checkpoint(starter: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Weights in the format of the authors, from ``torch.save``."""
    file = tmp_path_factory.mktemp("published") / "weights.pth"
    torch.save(load_file(starter), file)
    return file.read_bytes()


def fetch(store: WeightsStore, server: Server, name: str = "stcn_s01", **options: object) -> object:
    settings: dict[str, object] = {
        "confirm": lambda _: True,
        "progress": lambda _done, _total: None,
        "base_url": server.url,
        **options,
    }
    return fetch_weights(store, name, **settings)  # type: ignore[arg-type]


def is_untouched(store: WeightsStore) -> bool:
    """Return whether the store has no files, including hidden ones."""
    return not store.folder.exists() or not list(store.folder.iterdir())


def test_fetched_weights_are_in_the_store(store: WeightsStore, server: Server, checkpoint: bytes) -> None:
    """A valid file becomes an entry with its address, SHA-256 and licence."""
    server.files["/1.0/stcn_s01.pth"] = checkpoint
    reported: list[tuple[int, int | None]] = []
    entry = fetch(store, server, progress=lambda done, total: reported.append((done, total)))
    assert entry == store.entry("stcn_s01")
    assert store.entry("stcn_s01").sha256 == hashlib.sha256(checkpoint).hexdigest()
    assert store.entry("stcn_s01").source == f"{server.url}/stcn_s01.pth"
    assert "non-commercial" in store.entry("stcn_s01").licence
    assert {file.name for file in store.folder.iterdir()} == {"stcn_s01.safetensors", KNOWN}
    assert [problem for _, problem in store.check(["stcn_s01"])] == [""]
    assert reported[-1] == (len(checkpoint), len(checkpoint))
    assert [done for done, _ in reported] == sorted({done for done, _ in reported})
    assert len(reported) > 10


def test_nothing_is_requested_before_consent(store: WeightsStore, server: Server) -> None:
    """The question names address, licence and folder; after a no, nothing is requested."""
    questions: list[str] = []
    with pytest.raises(CancelledError, match="nothing was downloaded"):
        fetch(store, server, confirm=lambda question: bool(questions.append(question)))
    (question,) = questions
    for text in (f"{server.url}/stcn_s01.pth", "non-commercial", str(store.folder)):
        assert text in question
    assert server.asked == []
    assert is_untouched(store)


def test_absent_file(store: WeightsStore, server: Server) -> None:
    """404 is reported with the address and the command to add a file."""
    with pytest.raises(WeightsError) as caught:
        fetch(store, server)
    assert caught.value.where == f"{server.url}/stcn_s01.pth"
    assert "404 Not Found" in caught.value.what
    assert "stcn weights add FILE" in caught.value.fix
    assert is_untouched(store)


def test_incomplete_download(store: WeightsStore, server: Server, checkpoint: bytes) -> None:
    """A body shorter than announced is an error and is deleted."""
    server.files["/1.0/stcn_s01.pth"], server.cut = checkpoint, 3_000_000
    with pytest.raises(WeightsError, match=f"3000000 of {len(checkpoint)} bytes"):
        fetch(store, server)
    assert is_untouched(store)


def test_truncated_download_without_a_length(store: WeightsStore, server: Server, checkpoint: bytes) -> None:
    """If the server announces no length, a truncated file is refused by its content."""
    server.files["/1.0/stcn_s01.pth"], server.cut, server.length = checkpoint, 3_000_000, None
    with pytest.raises(WeightsError, match="the downloaded file cannot be used"):
        fetch(store, server)
    assert is_untouched(store)


def test_wrong_content(store: WeightsStore, server: Server) -> None:
    """A web page instead of weights, such as a login, is refused with its address and deleted."""
    server.files["/1.0/stcn_s01.pth"] = b"<html>Sign in</html>" * 100
    with pytest.raises(WeightsError) as caught:
        fetch(store, server)
    assert caught.value.where == f"{server.url}/stcn_s01.pth"
    assert "web page" in caught.value.what
    assert is_untouched(store)


def test_interrupted_download(store: WeightsStore, server: Server, checkpoint: bytes) -> None:
    """Ctrl-C during a download leaves no file behind and is raised."""
    server.files["/1.0/stcn_s01.pth"] = checkpoint

    def interrupt(done: int, _total: int | None) -> None:
        if done > 2_000_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(store, server, progress=interrupt)
    assert is_untouched(store)


def test_taken_name_is_refused_before_the_question(store: WeightsStore, server: Server, starter: Path) -> None:
    """Weights in the store are not replaced without ``replace``."""
    store.add(starter, name="stcn_s01")
    with pytest.raises(WeightsError, match="already"):
        fetch(store, server, confirm=lambda _: pytest.fail("asked"))
    assert server.asked == []


def test_failed_replacement_keeps_the_old_weights(store: WeightsStore, server: Server, starter: Path) -> None:
    """If the download fails, the old weights stay."""
    before = store.add(starter, name="stcn_s01", licence="old")
    server.files["/1.0/stcn_s01.pth"] = b"no weights"
    with pytest.raises(WeightsError):
        fetch(store, server, replace=True)
    assert store.entry("stcn_s01") == before
    assert [problem for _, problem in store.check(["stcn_s01"])] == [""]


def test_no_server(store: WeightsStore) -> None:
    """A refused connection is reported with its reason."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"https://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(WeightsError) as caught:
            fetch_weights(store, "stcn_s0", confirm=lambda _: True, progress=lambda _done, _total: None, base_url=url)
    assert "the download failed" in str(caught.value)
    assert "HTTPS_PROXY" in str(caught.value)
    assert is_untouched(store)


@pytest.mark.parametrize(
    "address",
    ["file:///etc", "ftp://127.0.0.1", "/etc", "http://127.0.0.1", "HTTP://x", "data:,x", "https:/x", "https://"],
)
def test_https_only(store: WeightsStore, address: str) -> None:
    """Local files and other protocols are refused without a request."""
    with pytest.raises(WeightsError, match="is not an https address"):
        fetch_weights(store, "stcn_s0", confirm=lambda _: True, progress=lambda _done, _total: None, base_url=address)
    assert is_untouched(store)


def test_an_unknown_certificate_is_refused(store: WeightsStore, server: Server, monkeypatch, checkpoint: bytes) -> None:
    """A certificate that the system does not trust is an error."""
    server.files["/1.0/stcn_s01.pth"] = checkpoint
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(WeightsError, match="CERTIFICATE_VERIFY_FAILED"):
        fetch(store, server)
    assert server.asked == []


def test_redirections(store: WeightsStore, server: Server, plain: Server, checkpoint: bytes) -> None:
    """A redirection to an https address is followed; others are refused before a request."""
    elsewhere = Server()
    try:
        elsewhere.files["/assets/7"] = checkpoint
        server.redirect = elsewhere.url.replace("/1.0", "/assets/7")
        fetch(store, server)
        assert store.entry("stcn_s01").source == f"{server.url}/stcn_s01.pth"
    finally:
        elsewhere.stop()
    for target in (
        "file:///etc/hostname",
        f"{plain.url}/x",
        f"http://me:secret@{plain.place}/x",
        "ftp://x/y",
        "gopher:",
    ):
        server.redirect = target
        with pytest.raises(WeightsError) as caught:
            fetch(store, server, name="stcn_s0")
        assert "secret" not in str(caught.value)
    server.redirect = f"{server.url}/stcn_s0.pth"
    with pytest.raises(WeightsError, match="redirect"):  # to itself
        fetch(store, server, name="stcn_s0")


def test_timeout_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A server that accepts the connection but does not answer."""
    monkeypatch.setattr(download_module, "_TIMEOUT", 0.2)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = web_address(f"https://127.0.0.1:{silent.getsockname()[1]}/x")
        with pytest.raises(WeightsError, match="timed out"):
            download(address, tmp_path / "x", progress=lambda _done, _total: None)


def test_a_slow_server_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, server: Server) -> None:
    """Without a minimum speed, a download could take days."""
    monkeypatch.setattr(download_module, "_SLOWEST", (1 << 40, 0.0))
    server.files["/x"], server.endless, server.length = b"content", True, None
    with pytest.raises(WeightsError, match=r"sends less than .* per second"):
        download(web_address(f"https://{server.place}/x"), tmp_path / "x", progress=lambda _done, _total: None)
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("length", [None, "999999999999", "9" * 30, "-5", "many", "\xb2"])
def test_the_size_is_limited(tmp_path: Path, server: Server, length: str | None) -> None:
    """A server that sends endlessly, or states a wrong length, does not fill the disk."""
    server.files["/x"], server.endless, server.length = b"content", True, length
    with pytest.raises(WeightsError, match="sends more than 1 MB"):
        download(
            web_address(f"https://{server.place}/x"),
            tmp_path / "x",
            progress=lambda _done, _total: None,
            limit=1 << 20,
        )
    assert not (tmp_path / "x").exists()


def test_the_first_hash_is_recorded_and_other_files_are_refused(
    store: WeightsStore, server: Server, checkpoint: bytes
) -> None:
    """Without a published hash, only the file of the first download is accepted, also after its weights are removed."""
    questions: list[str] = []
    server.files["/1.0/stcn_s01.pth"] = checkpoint
    first = fetch(store, server, confirm=lambda question: not questions.append(question))
    digest = hashlib.sha256(checkpoint).hexdigest()
    assert "sha256: not published" in questions[0]
    assert json.loads((store.folder / KNOWN).read_text()) == {"stcn_s01.pth": digest}
    store.remove("stcn_s01")
    server.files["/1.0/stcn_s01.pth"] = checkpoint + b"!"
    with pytest.raises(WeightsError) as caught:
        fetch(store, server, confirm=lambda question: not questions.append(question))
    assert f"sha256: {digest}" in questions[1]
    other = hashlib.sha256(checkpoint + b"!").hexdigest()
    assert other in caught.value.what and digest in caught.value.what
    assert "--sha256" in caught.value.fix
    assert [entry.name for entry in store.entries()] == ["starter", "starter-free"]
    server.files["/1.0/stcn_s01.pth"] = checkpoint
    assert fetch(store, server) == first


def test_a_given_hash_replaces_the_recorded_one(store: WeightsStore, server: Server, checkpoint: bytes) -> None:
    """With a given hash, even the first download is checked."""
    server.files["/1.0/stcn_s01.pth"] = checkpoint
    digest = hashlib.sha256(checkpoint).hexdigest()
    with pytest.raises(WeightsError, match="is not a SHA-256"):
        fetch(store, server, sha256="abc")
    with pytest.raises(WeightsError, match="the downloaded file has the sha256"):
        fetch(store, server, sha256="0" * 64)
    assert is_untouched(store)
    fetch(store, server, sha256=digest.upper())
    (store.folder / KNOWN).write_text(json.dumps({"stcn_s01.pth": "0" * 64}))
    with pytest.raises(WeightsError, match="the downloaded file has the sha256"):
        fetch(store, server, replace=True)
    fetch(store, server, replace=True, sha256=digest)
    assert json.loads((store.folder / KNOWN).read_text()) == {"stcn_s01.pth": digest}


@pytest.mark.parametrize("content", ["", "[]", "{", '{"stcn_s01.pth": 5}', '{"x": "abc"}', "[" * 10_000])
def test_a_damaged_list_of_hashes_is_an_error(store: WeightsStore, server: Server, content: str) -> None:
    """Otherwise damaging the list would make any file acceptable."""
    store.folder.mkdir()
    (store.folder / KNOWN).write_text(content)
    with pytest.raises(WeightsError, match="the list of known hashes is damaged"):
        fetch(store, server, confirm=lambda _: pytest.fail("asked"))
    assert server.asked == []


def test_credentials_are_sent_to_the_server_only(store: WeightsStore, server: Server, checkpoint: bytes) -> None:
    """Credentials of a mirror are not in questions, errors, metadata or requests to other servers."""
    elsewhere, questions = Server(), []
    mirror = f"https://me:s%2Fcret@{server.place}/1.0?key=cretkey"
    try:
        elsewhere.files["/x"] = checkpoint
        server.redirect = f"https://{elsewhere.place}/x"
        fetch(store, server, base_url=mirror, confirm=lambda question: not questions.append(question))
        assert server.credentials == ["Basic bWU6cy9jcmV0"]  # me:s/cret
        assert server.asked == ["/1.0/stcn_s01.pth?key=cretkey"]
        assert elsewhere.credentials == [None]
    finally:
        elsewhere.stop()
    assert "me:" not in questions[0] and "s%2Fcret" not in questions[0]
    entry = store.entry("stcn_s01")
    assert entry.source == f"{server.url}/stcn_s01.pth"
    assert b"cret" not in entry.path.read_bytes()[:100_000]
    server.redirect = None
    with pytest.raises(WeightsError) as caught:
        fetch(store, server, name="stcn_s0", base_url=mirror)
    assert "404" in str(caught.value)
    assert "me:" not in str(caught.value) and "s%2Fcret" not in str(caught.value)


def test_credentials_in_metadata_are_removed(store: WeightsStore, starter: Path, tmp_path: Path) -> None:
    """The metadata of a file may contain an address with credentials."""
    file = tmp_path / "theirs.safetensors"
    metadata = {
        "source": "https://me:secret@example.org/w",
        "data": "at ftp://you:hidden@example.org and else",
        "variant": "lite",
    }
    save_file(load_file(starter), file, metadata=metadata)
    (store.folder).mkdir()
    (store.folder / "copied.safetensors").write_bytes(file.read_bytes())
    assert store.entry("copied").source == "https://example.org/w"
    entry = store.add(file, source="http://a:secret@b/c")
    head = entry.path.read_bytes()[:100_000]
    assert b"secret" not in head and b"hidden" not in head
    assert b"at ftp://example.org and else" in head
    assert entry.source == "http://b/c"


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("https://a:b@c/d@e", "https://c/d@e"),
        ("https://a@c/d", "https://c/d"),
        ("https://a:p@ss@c/d", "https://c/d"),
        ("no address: a@b.c", "no address: a@b.c"),
        ("https://c/d?mail=a@b", "https://c/d?mail=a@b"),
    ],
)
def test_addresses_without_credentials(text: str, clean: str) -> None:
    """Only the part between scheme and server is removed."""
    assert without_credentials(text) == clean


def test_an_invalid_address_does_not_show_its_password() -> None:
    """An address with an invalid port and a password."""
    with pytest.raises(WeightsError) as caught:
        web_address("https://me:secret@host:port/x")
    assert "secret" not in str(caught.value)


def test_weights_without_a_direct_address(store: WeightsStore) -> None:
    """The error names the web pages and the command that adds the file."""
    with pytest.raises(WeightsError) as caught:
        fetch_weights(store, "stcn_s012", confirm=lambda _: True, progress=lambda _done, _total: None)
    message = str(caught.value)
    assert all(page in message for page in OFFICIAL["stcn_s012"].pages)
    assert "stcn weights add stcn.pth --name stcn_s012" in message


def test_unknown_published_weights(store: WeightsStore) -> None:
    """The error lists the published weights."""
    with pytest.raises(WeightsError, match="Choose stcn_s0, stcn_s01, stcn_s012, stcn_s03"):
        fetch_weights(store, "stcn_s1", confirm=lambda _: True, progress=lambda _done, _total: None)


def test_published_addresses() -> None:
    """The direct addresses are in the authors' release 1.0."""
    direct = [f"{RELEASE}/{one.file}" for one in OFFICIAL.values() if not one.pages]
    assert direct == [
        "https://github.com/hkchengrex/STCN/releases/download/1.0/stcn_s0.pth",
        "https://github.com/hkchengrex/STCN/releases/download/1.0/stcn_s01.pth",
    ]


def run(server: Server, store: WeightsStore, *arguments: str, answer: str | None = None) -> Result:
    words = ["fetch", "stcn_s01", "--mirror", server.url, "--store", str(store.folder), *arguments]
    return CliRunner().invoke(command, words, input=answer)


def test_command_asks_and_reports(store: WeightsStore, server: Server, checkpoint: bytes) -> None:
    """After a yes, progress and the new entry are printed; after a no, nothing is downloaded."""
    server.files["/1.0/stcn_s01.pth"] = checkpoint
    refused = run(server, store, answer="n\n")
    assert isinstance(refused.exception, CancelledError)
    assert is_untouched(store)
    accepted = run(server, store, answer="y\n")
    assert accepted.exit_code == 0
    total = f"{len(checkpoint) / 1e6:.1f} MB"
    assert f"stcn_s01: {total.split()[0]} of {total}" in accepted.stderr
    assert accepted.stdout.splitlines()[0].startswith("added stcn_s01: lite variant, ")
    assert accepted.stdout.splitlines()[-1] == f"sha256: {hashlib.sha256(checkpoint).hexdigest()}"


def test_command_without_a_question(store: WeightsStore, server: Server, checkpoint: bytes) -> None:
    """``--yes`` does not ask."""
    server.files["/1.0/stcn_s01.pth"] = checkpoint
    result = run(server, store, "--yes")
    assert result.exit_code == 0
    assert "Download it?" not in result.output
    assert store.entry("stcn_s01").variant == "lite"
