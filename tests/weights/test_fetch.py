"""Fetching published weights, from a real server on this machine."""

from __future__ import annotations

import hashlib
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result
from safetensors.torch import load_file

from stcn_plugin.cli.weights import weights as command
from stcn_plugin.errors import CancelledError, WeightsError
from stcn_plugin.network import download as download_module
from stcn_plugin.network.download import download
from stcn_plugin.network.official import OFFICIAL, RELEASE
from stcn_plugin.network.store import WeightsStore


class Server:
    """Serves byte strings by path; a test says what happens to each."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.cut: int | None = None
        self.says_length = True
        self.redirect: str | None = None
        self.asked: list[str] = []
        served = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                served.asked.append(self.path)
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
                if served.says_length:
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body[: served.cut])

            def log_message(self, *_: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}/1.0"
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def stop(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    running = Server()
    yield running
    running.stop()


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
    return store.fetch(name, **settings)  # type: ignore[arg-type]


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
    assert [file.name for file in store.folder.iterdir()] == ["stcn_s01.safetensors"]
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
    server.files["/1.0/stcn_s01.pth"], server.cut, server.says_length = checkpoint, 3_000_000, False
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
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(WeightsError) as caught:
            store.fetch("stcn_s0", confirm=lambda _: True, progress=lambda _done, _total: None, base_url=url)
    assert "the download failed" in str(caught.value)
    assert "HTTPS_PROXY" in str(caught.value)
    assert is_untouched(store)


@pytest.mark.parametrize("address", ["file:///etc", "ftp://127.0.0.1", "/etc"])
def test_only_web_addresses(store: WeightsStore, address: str) -> None:
    """Files of this machine and other protocols are refused."""
    with pytest.raises(WeightsError, match="is no http or https address"):
        store.fetch("stcn_s0", confirm=lambda _: True, progress=lambda _done, _total: None, base_url=address)
    assert is_untouched(store)


def test_redirections(store: WeightsStore, server: Server, checkpoint: bytes) -> None:
    """A redirection to another web address is followed; one to a local file is refused."""
    elsewhere = Server()
    try:
        elsewhere.files["/assets/7"] = checkpoint
        server.redirect = elsewhere.url.replace("/1.0", "/assets/7")
        fetch(store, server)
        assert store.entry("stcn_s01").source == f"{server.url}/stcn_s01.pth"
    finally:
        elsewhere.stop()
    server.redirect = "file:///etc/hostname"
    with pytest.raises(WeightsError):
        fetch(store, server, name="stcn_s0")


def test_no_redirection_from_https_to_http(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, server: Server) -> None:
    """An encrypted address that leads to one without encryption is refused before a byte is kept."""
    server.files["/1.0/x"] = b"content"
    plain = download_module.urlopen
    # Stands in for a server with a certificate: https is answered by the plain server, as after a redirection.
    monkeypatch.setattr(download_module, "urlopen", lambda _request, timeout: plain(f"{server.url}/x", timeout=timeout))
    with pytest.raises(WeightsError, match="without encryption"):
        download("https://example.invalid/x", tmp_path / "x", progress=lambda _done, _total: None)
    assert not (tmp_path / "x").exists()


def test_timeout_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A server that accepts and says nothing is given up on."""
    monkeypatch.setattr(download_module, "_TIMEOUT", 0.2)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/x"
        with pytest.raises(WeightsError, match="timed out"):
            download(url, tmp_path / "x", progress=lambda _done, _total: None)


def test_weights_on_pages_for_browsers(store: WeightsStore) -> None:
    """Weights without a direct address: where to get them, and the command that adds them."""
    with pytest.raises(WeightsError) as caught:
        store.fetch("stcn_s012", confirm=lambda _: True, progress=lambda _done, _total: None)
    message = str(caught.value)
    assert all(page in message for page in OFFICIAL["stcn_s012"].pages)
    assert "stcn weights add stcn.pth --name stcn_s012" in message


def test_unknown_published_weights(store: WeightsStore) -> None:
    """A name that nobody published is answered with those that are."""
    with pytest.raises(WeightsError, match="Choose stcn_s0, stcn_s01, stcn_s012, stcn_s03"):
        store.fetch("stcn_s1", confirm=lambda _: True, progress=lambda _done, _total: None)


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
