"""Fetching published weights, from a real server on this machine, by https."""

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
    """Serves byte strings by path; a test says what happens to each."""

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
                with suppress(OSError):  # who asked may go away
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
    """A server without encryption, which nobody must ask."""
    running = Server(is_encrypted=False)
    yield running
    running.stop()
    assert running.asked == []


@pytest.fixture(scope="module")
def checkpoint(starter: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Weights as the authors publish them: what ``torch.save`` writes."""
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
    """Whether no file is in the store, hidden ones included."""
    return not store.folder.exists() or not list(store.folder.iterdir())


def test_fetched_weights_are_in_the_store(store: WeightsStore, server: Server, checkpoint: bytes) -> None:
    """A good file becomes an entry with the address, the sha256 of what came, and the licence."""
    server.files["/1.0/stcn_s01.pth"] = checkpoint
    told: list[tuple[int, int | None]] = []
    entry = fetch(store, server, progress=lambda done, total: told.append((done, total)))
    assert entry == store.entry("stcn_s01")
    assert store.entry("stcn_s01").sha256 == hashlib.sha256(checkpoint).hexdigest()
    assert store.entry("stcn_s01").source == f"{server.url}/stcn_s01.pth"
    assert "non-commercial" in store.entry("stcn_s01").licence
    assert {file.name for file in store.folder.iterdir()} == {"stcn_s01.safetensors", KNOWN}
    assert [problem for _, problem in store.check(["stcn_s01"])] == [""]
    assert told[-1] == (len(checkpoint), len(checkpoint))
    assert [done for done, _ in told] == sorted({done for done, _ in told})
    assert len(told) > 10


def test_nothing_is_asked_of_the_server_before_consent(store: WeightsStore, server: Server) -> None:
    """The question names address, licence and folder; a no ends it without a request."""
    questions: list[str] = []
    with pytest.raises(CancelledError, match="nothing was downloaded"):
        fetch(store, server, confirm=lambda question: bool(questions.append(question)))
    (question,) = questions
    for said in (f"{server.url}/stcn_s01.pth", "non-commercial", str(store.folder)):
        assert said in question
    assert server.asked == []
    assert is_untouched(store)


def test_absent_file(store: WeightsStore, server: Server) -> None:
    """404 is told with the address and the way by hand."""
    with pytest.raises(WeightsError) as caught:
        fetch(store, server)
    assert str(caught.value).startswith(f"{server.url}/stcn_s01.pth: the server answers 404 Not Found. ")
    assert "stcn weights add FILE" in str(caught.value)
    assert is_untouched(store)


def test_download_that_breaks_off(store: WeightsStore, server: Server, checkpoint: bytes) -> None:
    """A body shorter than announced is an error, and nothing of it stays."""
    server.files["/1.0/stcn_s01.pth"], server.cut = checkpoint, 3_000_000
    with pytest.raises(WeightsError, match=f"broke off after 3000000 of {len(checkpoint)} bytes"):
        fetch(store, server)
    assert is_untouched(store)


def test_download_cut_without_a_length(store: WeightsStore, server: Server, checkpoint: bytes) -> None:
    """Where the server announces no length, a file that is cut short is refused for what it is."""
    server.files["/1.0/stcn_s01.pth"], server.cut, server.length = checkpoint, 3_000_000, None
    with pytest.raises(WeightsError, match="what came is not usable"):
        fetch(store, server)
    assert is_untouched(store)


def test_wrong_content(store: WeightsStore, server: Server) -> None:
    """A page in place of weights, as of a login, is refused with the address and never kept."""
    server.files["/1.0/stcn_s01.pth"] = b"<html>Sign in</html>" * 100
    with pytest.raises(WeightsError) as caught:
        fetch(store, server)
    assert str(caught.value).startswith(f"{server.url}/stcn_s01.pth: what came is not usable: ")
    assert is_untouched(store)


def test_interrupted_download(store: WeightsStore, server: Server, checkpoint: bytes) -> None:
    """Ctrl-C in the middle leaves nothing behind and is passed on."""
    server.files["/1.0/stcn_s01.pth"] = checkpoint

    def interrupt(done: int, _total: int | None) -> None:
        if done > 2_000_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(store, server, progress=interrupt)
    assert is_untouched(store)


def test_taken_name_is_refused_before_the_question(store: WeightsStore, server: Server, starter: Path) -> None:
    """What is in the store stays, unless replacing it is asked for."""
    store.add(starter, name="stcn_s01")
    with pytest.raises(WeightsError, match="already"):
        fetch(store, server, confirm=lambda _: pytest.fail("asked"))
    assert server.asked == []


def test_failed_replacement_keeps_what_was_there(store: WeightsStore, server: Server, starter: Path) -> None:
    """A replacement that does not come leaves the old weights as they were."""
    before = store.add(starter, name="stcn_s01", licence="old")
    server.files["/1.0/stcn_s01.pth"] = b"no weights"
    with pytest.raises(WeightsError):
        fetch(store, server, replace=True)
    assert store.entry("stcn_s01") == before
    assert [problem for _, problem in store.check(["stcn_s01"])] == [""]


def test_no_server(store: WeightsStore) -> None:
    """A refused connection is told with its reason."""
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
def test_https_alone(store: WeightsStore, address: str) -> None:
    """Files of this machine, other protocols and what is not encrypted are refused, and nothing is asked."""
    with pytest.raises(WeightsError, match="is no https address"):
        fetch_weights(store, "stcn_s0", confirm=lambda _: True, progress=lambda _done, _total: None, base_url=address)
    assert is_untouched(store)


def test_a_server_that_nobody_vouches_for(store: WeightsStore, server: Server, monkeypatch, checkpoint: bytes) -> None:
    """A certificate that the system does not know ends the download."""
    server.files["/1.0/stcn_s01.pth"] = checkpoint
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(WeightsError, match="CERTIFICATE_VERIFY_FAILED"):
        fetch(store, server)
    assert server.asked == []


def test_redirections(store: WeightsStore, server: Server, plain: Server, checkpoint: bytes) -> None:
    """A redirection to another https address is followed; others are refused before anybody is asked."""
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
    with pytest.raises(WeightsError, match="redirect"):  # for ever to itself
        fetch(store, server, name="stcn_s0")


def test_timeout_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A server that accepts and says nothing is given up on."""
    monkeypatch.setattr(download_module, "_TIMEOUT", 0.2)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = web_address(f"https://127.0.0.1:{silent.getsockname()[1]}/x")
        with pytest.raises(WeightsError, match="timed out"):
            download(address, tmp_path / "x", progress=lambda _done, _total: None)


def test_a_server_that_drips_is_given_up_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, server: Server) -> None:
    """Bytes that come, but hardly, would otherwise be waited for for days."""
    monkeypatch.setattr(download_module, "_SLOWEST", (1 << 40, 0.0))
    server.files["/x"], server.endless, server.length = b"content", True, None
    with pytest.raises(WeightsError, match=r"sends less than .* a second"):
        download(web_address(f"https://{server.place}/x"), tmp_path / "x", progress=lambda _done, _total: None)
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("length", [None, "999999999999", "9" * 30, "-5", "many", "\xb2"])
def test_the_size_is_limited_whatever_the_server_says(tmp_path: Path, server: Server, length: str | None) -> None:
    """A server that sends without end, and one that lies about it, fill no disk."""
    server.files["/x"], server.endless, server.length = b"content", True, length
    with pytest.raises(WeightsError, match="sends more than 1 MB, which no weights have"):
        download(
            web_address(f"https://{server.place}/x"),
            tmp_path / "x",
            progress=lambda _done, _total: None,
            limit=1 << 20,
        )
    assert not (tmp_path / "x").exists()


def test_the_first_hash_is_kept_and_another_file_refused(
    store: WeightsStore, server: Server, checkpoint: bytes
) -> None:
    """Authors state no hash: the first download is trusted, also after its weights are removed, and no other file."""
    questions: list[str] = []
    server.files["/1.0/stcn_s01.pth"] = checkpoint
    first = fetch(store, server, confirm=lambda question: not questions.append(question))
    digest = hashlib.sha256(checkpoint).hexdigest()
    assert "not stated by its authors; that of this download is kept" in questions[0]
    assert json.loads((store.folder / KNOWN).read_text()) == {"stcn_s01.pth": digest}
    store.remove("stcn_s01")
    server.files["/1.0/stcn_s01.pth"] = checkpoint + b"!"
    with pytest.raises(WeightsError) as caught:
        fetch(store, server, confirm=lambda question: not questions.append(question))
    assert f"sha256: {digest}" in questions[1]
    other = hashlib.sha256(checkpoint + b"!").hexdigest()
    assert caught.value.what == f"what came is another file: its sha256 is {other}, not {digest}"
    assert "--sha256" in str(caught.value.fix)
    assert [entry.name for entry in store.entries()] == ["starter", "starter-free"]
    server.files["/1.0/stcn_s01.pth"] = checkpoint
    assert fetch(store, server) == first


def test_a_hash_that_is_given_goes_over_the_one_that_is_known(
    store: WeightsStore, server: Server, checkpoint: bytes
) -> None:
    """Who knows the hash says it, from the first download on."""
    server.files["/1.0/stcn_s01.pth"] = checkpoint
    digest = hashlib.sha256(checkpoint).hexdigest()
    with pytest.raises(WeightsError, match="is no sha256"):
        fetch(store, server, sha256="abc")
    with pytest.raises(WeightsError, match="another file"):
        fetch(store, server, sha256="0" * 64)
    assert is_untouched(store)
    fetch(store, server, sha256=digest.upper())
    (store.folder / KNOWN).write_text(json.dumps({"stcn_s01.pth": "0" * 64}))
    with pytest.raises(WeightsError, match="another file"):
        fetch(store, server, replace=True)
    fetch(store, server, replace=True, sha256=digest)
    assert json.loads((store.folder / KNOWN).read_text()) == {"stcn_s01.pth": digest}


@pytest.mark.parametrize("content", ["", "[]", "{", '{"stcn_s01.pth": 5}', '{"x": "abc"}', "[" * 10_000])
def test_a_damaged_list_of_hashes_trusts_nothing(store: WeightsStore, server: Server, content: str) -> None:
    """Else whoever damages it could have any file taken."""
    store.folder.mkdir()
    (store.folder / KNOWN).write_text(content)
    with pytest.raises(WeightsError, match="the list of known hashes is damaged"):
        fetch(store, server, confirm=lambda _: pytest.fail("asked"))
    assert server.asked == []


def test_passwords_reach_the_server_and_nothing_else(store: WeightsStore, server: Server, checkpoint: bytes) -> None:
    """Name and password of a mirror are sent to it, and are in no question, message, metadata or other request."""
    elsewhere, said = Server(), []
    mirror = f"https://me:s%2Fcret@{server.place}/1.0?key=cretkey"
    try:
        elsewhere.files["/x"] = checkpoint
        server.redirect = f"https://{elsewhere.place}/x"
        fetch(store, server, base_url=mirror, confirm=lambda question: not said.append(question))
        assert server.credentials == ["Basic bWU6cy9jcmV0"]  # me:s/cret
        assert server.asked == ["/1.0/stcn_s01.pth?key=cretkey"]
        assert elsewhere.credentials == [None]
    finally:
        elsewhere.stop()
    assert "me:" not in said[0] and "s%2Fcret" not in said[0]
    entry = store.entry("stcn_s01")
    assert entry.source == f"{server.url}/stcn_s01.pth"
    assert b"cret" not in entry.path.read_bytes()[:100_000]
    server.redirect = None
    with pytest.raises(WeightsError) as caught:
        fetch(store, server, name="stcn_s0", base_url=mirror)
    assert "404" in str(caught.value)
    assert "me:" not in str(caught.value) and "s%2Fcret" not in str(caught.value)


def test_passwords_in_what_a_file_says_of_itself_go_no_further(
    store: WeightsStore, starter: Path, tmp_path: Path
) -> None:
    """Weights from somebody else may carry the address they were fetched from, password and all."""
    file = tmp_path / "theirs.safetensors"
    said = {
        "source": "https://me:secret@example.org/w",
        "data": "at ftp://you:hidden@example.org and else",
        "variant": "lite",
    }
    save_file(load_file(starter), file, metadata=said)
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
def test_addresses_without_passwords(text: str, clean: str) -> None:
    """Only what stands between the scheme and the server goes."""
    assert without_credentials(text) == clean


def test_an_address_that_is_none() -> None:
    """A port that is no number, with a password before it, which is not repeated."""
    with pytest.raises(WeightsError) as caught:
        web_address("https://me:secret@host:port/x")
    assert "secret" not in str(caught.value)


def test_weights_on_pages_for_browsers(store: WeightsStore) -> None:
    """Weights without a direct address: where to get them, and the command that adds them."""
    with pytest.raises(WeightsError) as caught:
        fetch_weights(store, "stcn_s012", confirm=lambda _: True, progress=lambda _done, _total: None)
    message = str(caught.value)
    assert all(page in message for page in OFFICIAL["stcn_s012"].pages)
    assert "stcn weights add stcn.pth --name stcn_s012" in message


def test_unknown_published_weights(store: WeightsStore) -> None:
    """A name that nobody published is answered with those that are."""
    with pytest.raises(WeightsError, match="Choose stcn_s0, stcn_s01, stcn_s012, stcn_s03"):
        fetch_weights(store, "stcn_s1", confirm=lambda _: True, progress=lambda _done, _total: None)


def test_published_addresses() -> None:
    """The direct addresses are the assets of the authors' release 1.0."""
    direct = [f"{RELEASE}/{one.file}" for one in OFFICIAL.values() if not one.pages]
    assert direct == [
        "https://github.com/hkchengrex/STCN/releases/download/1.0/stcn_s0.pth",
        "https://github.com/hkchengrex/STCN/releases/download/1.0/stcn_s01.pth",
    ]


def run(server: Server, store: WeightsStore, *arguments: str, answer: str | None = None) -> Result:
    words = ["fetch", "stcn_s01", "--mirror", server.url, "--store", str(store.folder), *arguments]
    return CliRunner().invoke(command, words, input=answer)


def test_command_asks_and_reports(store: WeightsStore, server: Server, checkpoint: bytes) -> None:
    """After a yes: plain progress lines and what was added; after a no, nothing at all."""
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
