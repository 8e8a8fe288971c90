"""Files by others: what is downloaded, from a real server that misbehaves."""

import hashlib
import json
import os
import re
import shutil
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from gancourse import data
from tests.small_files import CIFAR, IMAGES, TEST, files, listing, record, tar, without, write


class Handler(BaseHTTPRequestHandler):
    """The first part of the path says how the server behaves: /cut/name, /stall/name ..."""

    def do_GET(self):
        server: Server = self.server
        _, way, name = self.path.split("/", 2)
        server.asked.append(way)
        content = server.files[name]
        if way == "missing" or (way == "flaky" and server.asked.count("flaky") == 1):
            self.send_error(404 if way == "missing" else 503)
            return
        if way == "headers":  # one after the other, for ever
            self.wfile.write(b"HTTP/1.1 200 OK\r\n")
            while not server.over.wait(0.05):
                self.wfile.write(b"X")
                self.wfile.flush()
            return
        self.send_response(200)
        if way == "endless":
            self.end_headers()
            while not server.over.is_set():
                self.wfile.write(bytes(2**16))
            return
        if way == "drip":
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            while not server.over.wait(0.05):
                self.wfile.write(b"X")
                self.wfile.flush()
            return
        if way == "helpful" and "gzip" in self.headers.get("Accept-Encoding", ""):
            self.send_header("Content-Encoding", "gzip")  # so that the client unpacks the file
        if way == "wrong":
            content = content[:-9] + bytes([content[-9] ^ 1]) + content[-8:]
        elif way == "portal":
            content = b"<html>Please accept the terms of this network.</html>"
        elif way == "short":
            content = content[: len(content) // 2]
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if way in ("cut", "stall"):
            self.wfile.write(content[: len(content) // 2])
            self.wfile.flush()
            if way == "stall":
                server.over.wait(20)
        elif way == "slow":
            step = len(content) // 8 + 1
            for first in range(0, len(content), step):
                self.wfile.write(content[first : first + step])
                self.wfile.flush()
                server.over.wait(0.1)
        else:
            self.wfile.write(content)

    def log_message(self, *args):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, files):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.asked, self.over = files, [], threading.Event()

    def handle_error(self, request, client_address):
        pass  # the client has hung up


@pytest.fixture
def site(monkeypatch):
    """A server; ``site.mirrors("cut", "good")`` makes these its mirrors, in this order."""
    served = files()
    sums = {d: {n: hashlib.sha256(c).hexdigest() for n, c in f.items()} for d, f in served.items()}
    server = Server({n: c for f in served.values() for n, c in f.items()})
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()

    def mirrors(*ways):
        base = f"http://127.0.0.1:{server.server_port}"
        every = dict.fromkeys(data.FILES, tuple(f"{base}/{way}/" for way in ways))
        monkeypatch.setattr(data, "MIRRORS", every)
        return every

    monkeypatch.setattr(data, "FILES", sums)
    monkeypatch.setattr(data, "TIMEOUT", (5, 0.4))
    monkeypatch.setattr(data, "time", SimpleNamespace(sleep=lambda seconds: None))
    yield SimpleNamespace(mirrors=mirrors, asked=server.asked, files=served, sums=sums)
    server.over.set()
    server.shutdown()
    server.server_close()
    thread.join()


# --- what is pinned -------------------------------------------------------------------------------


def test_every_file_has_a_sum_and_two_mirrors_over_https():
    assert data.FILES.keys() == data.MIRRORS.keys()
    for dataset, sums in data.FILES.items():
        assert len(data.MIRRORS[dataset]) >= 2
        for mirror in data.MIRRORS[dataset]:
            assert re.fullmatch(r"https://[^ ]+/", mirror)
        assert all(re.fullmatch("[0-9a-f]{64}", sum_) for sum_ in sums.values())
    pinned = [s for sums in data.FILES.values() for s in sums.values()]
    assert len(set(pinned)) == len(pinned) == 9


# --- downloads that go well -----------------------------------------------------------------------


def test_each_data_set_is_downloaded_once_and_then_read_offline(site, tmp_path, capsys):
    site.mirrors("good", "missing")
    sets = {name: getattr(data, name)("train", root=tmp_path) for name in data.FILES}
    assert "100%" in capsys.readouterr().err  # the progress bar
    assert sets["mnist"].images.shape == sets["fashion_mnist"].images.shape == (1000, 1, 5, 4)
    assert sets["cifar10"].images.shape == (10, 3, 32, 32)
    expected = [f"{d}/{n}" for d, c in site.files.items() for n in c if not n.startswith("t10k")]
    assert listing(tmp_path) == sorted(expected)
    assert set(site.asked) == {"good"}
    site.asked.clear()
    for name, first in sets.items():
        again = getattr(data, name)("train", root=tmp_path, download=False)
        assert again.images.equal(first.images) and again.labels.equal(first.labels)
    assert not site.asked


def test_the_home_folder_is_found_in_an_argument_and_in_the_variable(site, tmp_path, monkeypatch):
    site.mirrors("good")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("GANCOURSE_DATA", raising=False)
    data.mnist("test", root="~/data")
    monkeypatch.setenv("GANCOURSE_DATA", "~/data")
    assert len(data.mnist("test", download=False)) == 5
    assert {name.split("/")[0] for name in listing(tmp_path)} == {"data"}
    with pytest.raises(ValueError, match="^root=3; need"):
        data.mnist(root=3)


def test_the_folder_is_an_argument_or_the_variable_or_the_users_cache(site, tmp_path, monkeypatch):
    site.mirrors("good")
    folders = [tmp_path / name for name in ("argument", "variable", "cache")]
    monkeypatch.setenv("GANCOURSE_DATA", str(folders[1]))
    data.mnist("test", root=folders[0])
    data.mnist("test")
    monkeypatch.delenv("GANCOURSE_DATA")
    monkeypatch.setenv("XDG_CACHE_HOME", str(folders[2]))
    monkeypatch.setenv("LOCALAPPDATA", str(folders[2]))
    data.mnist("test")
    for folder in folders:
        assert len(list(folder.rglob("t10k-*.gz"))) == 2
    assert data.stacked_mnist(7, root=tmp_path / "argument").images.shape == (7, 3, 5, 4)


@pytest.mark.parametrize(
    ("ways", "asked"),
    [
        (("missing", "good"), ["missing", "good"]),
        (("wrong", "good"), ["wrong", "good"]),
        (("portal", "good"), ["portal", "good"]),  # a hotel's login page, with status 200
        (("short", "good"), ["short", "good"]),
        (("cut", "good"), ["cut", "good"]),
        (("stall", "good"), ["stall", "good"]),
        (("flaky", "missing"), ["flaky", "missing", "flaky"]),  # down for a moment: tried again
        (("slow",), ["slow"]),  # slow, but never silent: waited for
        (("helpful",), ["helpful"]),
    ],
)
def test_another_mirror_or_another_try_helps(site, tmp_path, ways, asked):
    site.mirrors(*ways)
    path = data._fetch("mnist", IMAGES, tmp_path, download=True)
    assert path.read_bytes() == site.files["mnist"][IMAGES]
    assert site.asked == asked
    assert listing(tmp_path) == [f"mnist/{IMAGES}"]


def test_a_mirror_that_is_not_there(site, tmp_path, monkeypatch):
    every = site.mirrors("good")
    gone = "http://127.0.0.1:9/"  # the discard port: nobody listens
    monkeypatch.setattr(data, "MIRRORS", {d: (gone, *m) for d, m in every.items()})
    assert len(data.mnist("test", root=tmp_path)) == 5
    monkeypatch.setattr(data, "MIRRORS", dict.fromkeys(every, (gone,)))
    with pytest.raises(OSError, match="Check the connection and run again, or put the file"):
        data.cifar10(root=tmp_path)
    assert [name for name in listing(tmp_path) if "t10k" not in name] == []


# --- downloads that fail: the error says what to do, and nothing is left ----------------------------


@pytest.mark.parametrize(
    ("way", "words"),
    [
        ("missing", "404"),
        ("wrong", "does not match the known hash"),
        ("portal", "does not match the known hash"),
        ("short", "does not match the known hash"),
        ("cut", "IncompleteRead|Connection broken"),
        ("stall", "timed out"),
    ],
)
def test_a_failed_download_leaves_nothing(site, tmp_path, way, words):
    site.mirrors(way)
    with pytest.raises(OSError, match=words) as error:
        data.mnist(root=tmp_path)
    assert site.asked == [way, way]
    message = str(error.value)
    assert site.sums["mnist"][IMAGES] in message and str(tmp_path / "mnist") in message
    assert listing(tmp_path) == []


@pytest.mark.parametrize(
    ("way", "words"),
    [("headers", "timed out: only 0 bytes"), ("drip", "timed out"), ("endless", "too long: over")],
)
def test_a_server_that_never_ends_is_left(site, tmp_path, monkeypatch, way, words):
    """None of them is ever silent, so no limit between two bytes would end it."""
    monkeypatch.setattr(data, "PATIENCE", 1.0)
    monkeypatch.setattr(data, "LARGEST", dict.fromkeys(data.FILES, 10**6))
    site.mirrors(way)
    began = time.monotonic()
    with pytest.raises(OSError, match=words):
        data.mnist(root=tmp_path)
    assert time.monotonic() - began < 20 and site.asked == [way, way]
    assert listing(tmp_path) == []
    site.mirrors(way, "good")
    assert len(data.mnist(root=tmp_path)) == 1000


def test_every_limit_lets_the_true_files_through():
    """CIFAR-10's 170 MB, at 20 kB a second."""
    assert data.LARGEST.keys() == data.FILES.keys()
    assert data.LARGEST["mnist"] > 9_912_422 and data.LARGEST["fashion_mnist"] > 26_421_880
    assert data.LARGEST["cifar10"] > 170_052_171 and data.SLOWEST < 20_000


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl for a certificate")
def test_https_is_not_left_for_http(site, tmp_path, monkeypatch):
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost"
    command += f" -addext subjectAltName=IP:127.0.0.1 -keyout {key} -out {cert}"
    subprocess.run(command.split(), check=True, capture_output=True)
    plain = site.mirrors("good")["mnist"][0]

    class Redirect(BaseHTTPRequestHandler):
        def do_GET(self):
            if self.path.startswith("/down/"):
                self.send_response(302)
                self.send_header("Location", plain + self.path.rsplit("/", 1)[1])
            elif self.path.startswith("/round/"):
                self.send_response(302)
                self.send_header("Location", self.path.replace("/round/", "/good/"))
            else:
                self.send_response(200)
            self.end_headers()
            if self.path.startswith("/good/"):
                self.wfile.write(site.files["mnist"][self.path.rsplit("/", 1)[1]])

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Redirect)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(cert))
    try:
        for way in ("down", "round"):
            mirror = f"https://127.0.0.1:{server.server_port}/{way}/"
            monkeypatch.setattr(data, "MIRRORS", dict.fromkeys(data.FILES, (mirror,)))
            if way == "round":
                assert len(data.mnist(root=tmp_path / "data")) == 1000
            else:
                with pytest.raises(OSError, match="which is not encrypted"):
                    data.mnist(root=tmp_path / "data")
                assert not site.asked  # the other server was never spoken to
    finally:
        server.shutdown()
        server.server_close()


# In a process of its own: what the system does there is then real, not patched.
CHILD = """
import json, os, resource, sys
import pooch, requests
from gancourse import data
what, root, sums, mirrors = sys.argv[1], sys.argv[2], *map(json.loads, sys.argv[3:])
data.FILES, data.MIRRORS = sums, mirrors
if what == "full disk":
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
if what == "read only" and os.geteuid() == 0:
    os.seteuid(65534)  # permissions do not bind root
try:
    print(len(data.mnist("train", root=root)))
except Exception as error:
    print(type(error).__name__, error)
"""


def in_child(site, what, root, *ways):
    extra = (json.dumps(site.sums), json.dumps(site.mirrors(*ways)))
    command = [sys.executable, "-c", CHILD, what, str(root), *extra]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )


def test_no_space_is_said_and_nothing_is_left(site, tmp_path):
    out, _ = in_child(site, "full disk", tmp_path, "good", "slow").communicate(timeout=60)
    assert "OSError" in out and f"{IMAGES} can't be saved in {tmp_path / 'mnist'}" in out
    assert "File too large" in out and "GANCOURSE_DATA" in out
    assert site.asked == ["good"]  # no other mirror can help
    assert listing(tmp_path) == []


def test_a_folder_that_is_read_only(site):
    with tempfile.TemporaryDirectory() as name:  # pytest's own folders are closed to other users
        root = Path(name)
        root.chmod(0o755)
        write(root, "mnist", {"train-labels-idx1-ubyte.gz": b"so that the folder is there"})
        before = listing(root)
        (root / "mnist").chmod(0o555)
        out, _ = in_child(site, "read only", root, "good").communicate(timeout=60)
        assert f"can't be saved in {root / 'mnist'}" in out and "Permission denied" in out
        assert listing(root) == before and not site.asked
        (root / "mnist").chmod(0o755)
        write(root, "mnist", site.files["mnist"])
        (root / "mnist").chmod(0o555)
        out, _ = in_child(site, "read only", root, "good").communicate(timeout=60)
        assert out == "1000\n" and not site.asked  # reading needs no writing
        (root / "mnist").chmod(0o755)


def test_two_processes_at_once(site, tmp_path):
    children = [in_child(site, "plain", tmp_path, "slow") for _ in range(2)]
    assert [child.communicate(timeout=60)[0] for child in children] == ["1000\n", "1000\n"]
    assert listing(tmp_path) == [f"mnist/{IMAGES}", "mnist/train-labels-idx1-ubyte.gz"]
    assert (tmp_path / "mnist" / IMAGES).read_bytes() == site.files["mnist"][IMAGES]


# --- files that are there already -----------------------------------------------------------------


def test_what_is_there_is_read_as_it_is_labelled(site, tmp_path):
    for dataset, contents in site.files.items():
        write(tmp_path, dataset, contents)
    grey = data.fashion_mnist("test", root=tmp_path, download=False)
    assert grey.images.shape == (5, 1, 4, 3)
    assert grey.images.flatten().tolist() == list(range(60))
    assert grey.labels.tolist() == [3, 1, 4, 1, 5]
    assert grey.classes[9] == "Ankle boot" and len(grey.classes) == 10
    color = data.cifar10("train", root=tmp_path, download=False)
    assert color.labels.tolist() == [1, 8, 2, 7, 3, 6, 4, 5, 5, 4]
    assert color.images.shape == (10, 3, 32, 32)
    column = torch.arange(96).reshape(3, 32)  # see record(): plane by plane, row by row
    assert color.images[:, :, :, 0].equal(column.expand(10, 3, 32).to(torch.uint8))
    assert not color.images[..., 1:].any()
    test = data.cifar10("test", root=tmp_path, download=False)
    assert [test.classes[i] for i in test.labels] == ["horse"]


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist", "cifar10"])
def test_missing_altered_mislabelled(site, tmp_path, name):
    load = getattr(data, name)
    first, content = next(iter(site.files[name].items()))
    site.mirrors("good")
    with pytest.raises(FileNotFoundError, match="is not there; pass download=True"):
        load(root=tmp_path, download=False)
    # cut short, altered, and the name of one file on the content of another
    for bad in (content[:-3], content[:-9] + b"?" + content[-8:], site.files["mnist"][IMAGES][1:]):
        write(tmp_path, name, {first: bad})
        came, expected = hashlib.sha256(bad).hexdigest(), site.sums[name][first]
        words = f"is damaged or another file: SHA-256 {came}, expected {expected}; delete it"
        with pytest.raises(ValueError, match=words):
            load(root=tmp_path)
        assert listing(tmp_path) == [f"{name}/{first}"]  # it may be the reader's only copy
    assert not site.asked
    with pytest.raises(ValueError, match="split='all'; choose one of train, test"):
        load("all", root=tmp_path)


def test_labels_out_of_bounds_are_refused(site, tmp_path, monkeypatch):
    archive = tar(without(TEST, (TEST, record(10), {})))
    monkeypatch.setitem(data.FILES, "cifar10", {CIFAR: hashlib.sha256(archive).hexdigest()})
    write(tmp_path, "cifar10", {CIFAR: archive})
    with pytest.raises(ValueError, match="labels has values from 10 to 10; need 0 to 9"):
        data.cifar10("test", root=tmp_path, download=False)
