"""Feature networks: what is shipped is what was trained, and images reach a network as saved."""

import json
import pickle
import subprocess
import sys
import types
import urllib.error
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from gancourse import data, features, metrics
from gancourse.features import FeatureNet, Inception, to_uint8

SHIPPED = {"digits": 8, "glyphs": 28, "mnist": 28}


def noise(n=4, size=8, channels=1, seed=0):
    g = torch.Generator().manual_seed(seed)
    return torch.rand(n, channels, size, size, generator=g) * 2 - 1


# --- what is shipped ------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "size"), SHIPPED.items())
def test_shipped_network(name, size):
    path = features.FOLDER / f"{name}.safetensors"
    assert path.stat().st_size <= 400_000
    net = features.load(name)
    assert (net.name, net.size, net.digest) == (name, size, features.SHA256[name])
    assert not net.training
    assert net.accuracy > 0.99
    x = noise(5, size)
    assert net.features(x).shape == (5, 64) and net.logits(x).shape == (5, 10)
    assert not net.features(x.requires_grad_()).requires_grad
    header = path.read_bytes()
    about = json.loads(json.loads(header[8 : 8 + int.from_bytes(header[:8], "little")])
                       ["__metadata__"]["about"])  # fmt: skip
    assert about["command"] == f"python -m gancourse.features train {name}"


def accuracy(net, images):
    return float((net.logits(images.images).argmax(1) == images.labels).double().mean())


def test_stated_accuracy_is_the_measured_one():
    assert accuracy(features.load("digits"), data.digits("test")) == pytest.approx(
        features.load("digits").accuracy, abs=0.003
    )
    assert accuracy(features.load("glyphs"), data.glyphs(500, seed=9)) > 0.99
    try:
        mnist = data.mnist("test", download=False)
    except FileNotFoundError as error:
        pytest.skip(str(error))
    net = features.load("mnist")
    assert accuracy(net, mnist) == pytest.approx(net.accuracy, abs=0.0005)


def test_features_vary_by_one_on_average_and_see_differences():
    net, real = features.load("digits"), data.digits("all").images
    x = net.features(real)
    assert float(x.double().var(0).mean()) == pytest.approx(1, abs=0.05)
    half = metrics.fid(x[:898], x[898:1796])
    noisy = net.features((real[:898].float() / 127.5 - 1 + 0.3 * noise(898)).clamp(-1, 1))
    assert half < 1.5
    assert metrics.fid(x[898:1796], noisy) > 2 * half
    report = metrics.MetricReport.measure(
        metrics.fid, x[:500], x[500:1000], other_real=x[1000:], worthless=net.features(noise(500)),
        features=net, split="all",
    )  # fmt: skip
    assert f"features digits {net.digest[:8]}" in str(report)


def test_loading_never_unpickles(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("unpickled")

    for module, name in ((torch, "load"), (pickle, "load"), (pickle, "loads")):
        monkeypatch.setattr(module, name, refuse)
    assert features.load("mnist").name == "mnist"


def test_loading_imports_nothing_else_of_the_package():
    code = (
        "import sys; from gancourse import features; features.load('digits');"
        "print(sorted(m for m in sys.modules if m.startswith('gancourse')))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "['gancourse', 'gancourse.features']"


def test_loading_refuses_a_changed_file_and_an_unknown_name(tmp_path, monkeypatch):
    content = bytearray((features.FOLDER / "digits.safetensors").read_bytes())
    content[-1] ^= 1
    (tmp_path / "digits.safetensors").write_bytes(content)
    monkeypatch.setattr(features, "FOLDER", tmp_path)
    with pytest.raises(ValueError, match="has SHA-256 .*; need 773cc218"):
        features.load("digits")
    with pytest.raises(ValueError, match="name='cifar'; choose one of digits, glyphs, mnist, inc"):
        features.load("cifar")


# --- images in ------------------------------------------------------------------------------------


def test_floats_are_rounded_as_if_saved():
    levels = torch.arange(256, dtype=torch.uint8).reshape(4, 1, 8, 8)
    floats = levels.float() / 127.5 - 1
    assert torch.equal(to_uint8(floats), levels)
    # A third of a grey level off is still that level; truncation would lose one below.
    for off in (-0.33, 0.33):
        moved = (floats + off / 127.5).clamp(-1, 1)
        assert torch.equal(to_uint8(moved), levels)
    assert torch.equal(to_uint8(floats.double()), levels)
    assert to_uint8(levels) is levels
    assert torch.equal(to_uint8(levels, channels=3)[:, 2], levels[:, 0])


def test_floats_and_uint8_give_the_same_features():
    net, real = features.load("digits"), data.digits("test")
    assert torch.equal(net.features(real.images), net.features(real.float()))
    assert torch.equal(net.logits(real.images), net.logits(real.float()))


def test_features_do_not_depend_on_the_company():
    net, real = features.load("digits"), data.digits("train").images
    together = net.features(real)
    torch.testing.assert_close(together[995:1005], net.features(real[995:1005]))
    assert len(together) == len(real) > 1000


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (torch.zeros(3, 8, 8), r"shape \(3, 8, 8\); need \(N, C, H, W\)"),
        (torch.zeros(0, 1, 8, 8), "need .* N >= 1"),
        (torch.zeros(2, 3, 8, 8), "has 3 channels; need 1"),
        (torch.zeros(2, 1, 8, 9), r"need \(N, 1, 8, 8\)"),
        (torch.zeros(2, 1, 8, 8, dtype=torch.int64), "torch.int64; need float"),
        (torch.full((2, 1, 8, 8), 255.0), r"values from 255 to 255; need \[-1, 1\]"),
        (torch.full((2, 1, 8, 8), float("nan")), "values from nan"),
    ],
)
def test_images_that_are_refused(images, message):
    with pytest.raises(ValueError, match=message):
        features.load("digits").features(images)


def test_network_shapes():
    for size in (8, 9, 14, 28, 32, 64):
        found, logits = FeatureNet(size, classes=7)(torch.zeros(2, 1, size, size))
        assert found.shape == (2, 64) and logits.shape == (2, 7)
    with pytest.raises(ValueError, match="size=7"):
        FeatureNet(7)


# --- training -------------------------------------------------------------------------------------


def test_training_again_gives_the_same_bytes_and_leaves_the_random_state_alone(tmp_path):
    files = []
    for folder in ("a", "b"):
        torch.manual_seed(1 if folder == "a" else 2)
        state = torch.get_rng_state()
        with pytest.warns(UserWarning, match="pinned for digits"):
            features.main(["train", "digits", "--out", str(tmp_path / folder), "--epochs", "1"])
        assert torch.equal(torch.get_rng_state(), state)
        files.append((tmp_path / folder / "digits.safetensors").read_bytes())
    assert files[0] == files[1]


def test_the_recipe_makes_what_is_shipped(tmp_path):
    """Bit for bit on the machine that made it; elsewhere a network that says the same."""
    net = features.train("digits")
    shipped, test = features.load("digits"), data.digits("test").images
    assert net.accuracy > 0.98
    agree = net.logits(test).argmax(1) == shipped.logits(test).argmax(1)
    assert float(agree.double().mean()) > 0.98
    train = net.features(data.digits("train").images)
    assert not train.requires_grad
    assert float(train.double().var(0).mean()) == pytest.approx(1, abs=1e-4)
    # Scaling the features leaves the logits as they were: confident on what was learned.
    sure = net.logits(data.digits("train").images).softmax(1).max(1).values
    assert float(sure.mean()) > 0.995
    # What is written is read back, hash and all.
    digest = features.write(net, tmp_path / "net.safetensors", note="test")
    again = features.read(tmp_path / "net.safetensors", digest)
    assert torch.equal(again.logits(test), net.logits(test))
    assert (again.digest, again.accuracy) == (digest, net.accuracy)


def test_training_takes_mnist_from_the_folder_it_is_given(monkeypatch):
    asked = []

    def mnist(split, root):
        asked.append((split, root))
        return data.glyphs(256, seed=0)

    monkeypatch.setattr(data, "mnist", mnist)
    assert features.train("mnist", root="DIR", epochs=1).size == 28
    assert asked == [("train", "DIR"), ("test", "DIR")]
    with pytest.raises(ValueError, match="name='inception'"):
        features.train("inception")


# --- Inception, up to its door --------------------------------------------------------------------


class StandIn(torch.nn.Module):
    """Takes what the real extractor takes, keeps it, and gives back 4 features."""

    def __init__(self, *args):
        super().__init__()
        self.args, self.seen, self.fc = args, [], torch.nn.Linear(4, 3)

    def forward(self, x):
        assert x.dtype == torch.uint8 and x.shape[1:] == (3, 299, 299)
        self.seen.append(x)
        return (x.float().mean((2, 3)) @ torch.eye(3, 4),)


def test_inception_sees_images_as_saved_at_299_pixels():
    from PIL import Image

    stand_in = StandIn().train()
    net = Inception(stand_in)
    assert not stand_in.training
    for size in (40, 400):  # larger and smaller than 299
        images = noise(2, size, channels=3)
        net.features(images)
        # Pillow's bilinear is antialiased too; on float pixels it rounds nowhere on the way.
        saved = to_uint8(images, channels=3)[0].float().numpy()
        resized = [
            Image.fromarray(plane).resize((299, 299), Image.Resampling.BILINEAR) for plane in saved
        ]
        difference = np.abs(stand_in.seen[-1][0].float().numpy() - np.round(np.stack(resized)))
        assert difference.max() <= 1 and difference.mean() < 0.005


def test_inception_keeps_grey_levels_and_batches():
    stand_in = StandIn()
    net = Inception(stand_in)
    grey = torch.arange(120, dtype=torch.uint8).reshape(-1, 1, 1, 1).expand(-1, 1, 32, 32)
    found = net.features(grey)
    assert [len(x) for x in stand_in.seen] == [50, 50, 20]
    # A constant image stays that constant, in all three channels: no shift of range.
    assert torch.equal(found[:, 2], torch.arange(120.0))
    assert torch.equal(net.features(grey.float() / 127.5 - 1), found)
    torch.testing.assert_close(net.logits(grey), found @ stand_in.fc.weight.T)
    with pytest.raises(ValueError, match="has 2 channels; need 3"):
        net.features(torch.zeros(1, 2, 32, 32))


def test_inception_without_its_extra_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch_fidelity", None)
    monkeypatch.setitem(sys.modules, "torch_fidelity.feature_extractor_inceptionv3", None)
    with pytest.raises(ImportError, match="torchvision of your torch.*pip install torch-fidelity"):
        features.load("inception")


def test_inception_weights_are_checked_and_read_as_tensors_only(monkeypatch, tmp_path):
    name = "torch_fidelity.feature_extractor_inceptionv3"
    module = types.ModuleType(name)
    module.FeatureExtractorInceptionV3 = StandIn
    monkeypatch.setitem(sys.modules, "torch_fidelity", types.ModuleType("torch_fidelity"))
    monkeypatch.setitem(sys.modules, name, module)
    calls = []
    hub = SimpleNamespace(
        load_state_dict_from_url=lambda url, **options: calls.append((url, options)),
        get_dir=lambda: str(tmp_path),
    )
    monkeypatch.setattr(torch, "hub", hub)
    net = features.load("inception")
    assert calls == [(features.INCEPTION_URL, {"check_hash": True, "weights_only": True})]
    expected = tmp_path / "checkpoints" / "weights-inception-2015-12-05-6726825d.pth"
    assert net.extractor.args == ("inception-v3-compat", ["2048"], str(expected))
    assert net.digest == "6726825d"


def test_real_inception_where_it_can_be_had():
    pytest.importorskip("torch_fidelity", reason="the inception extra is not installed")
    try:
        net = features.load("inception")
    except (urllib.error.URLError, OSError) as error:
        pytest.skip(f"weights cannot be downloaded: {error}")
    images = noise(3, 64, channels=3)
    assert net.features(images).shape == (3, 2048) and net.logits(images).shape == (3, 1008)
