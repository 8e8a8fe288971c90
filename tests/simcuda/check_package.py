"""Metrics, features, penalties, plots and data with CUDA tensors, alone and mixed with the CPU's."""

import copy
import io

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import pytest
import simcuda
import torch
from torch import nn
from torch.nn import functional as F

from gancourse import data, features, metrics, nets, penalties, plots

torch.set_num_threads(2)
GPU, CPU = torch.device("cuda"), torch.device("cpu")


@pytest.fixture
def pair():
    rng = torch.Generator().manual_seed(0)
    return torch.randn(300, 16, generator=rng), torch.randn(300, 16, generator=rng) + 0.3


@pytest.fixture
def ax():
    fig, ax = plt.subplots()
    yield ax
    plt.close(fig)


# --- the device itself


REFUSED = {
    "sum of two devices": lambda x, y: x + y,
    "product of two devices": lambda x, y: x @ y.T,
    "cat": lambda x, y: torch.cat([x, y]),
    "layer elsewhere": lambda x, y: nn.Linear(4, 2)(x),
    "numpy": lambda x, y: x.numpy(),
    "CPU generator": lambda x, y: torch.randn(3, generator=torch.Generator(), device=GPU),
    "CUDA generator": lambda x, y: torch.randn(3, generator=torch.Generator("cuda")),
    "indices elsewhere": lambda x, y: y[torch.tensor([0, 1], device=GPU)],
    "labels elsewhere": lambda x, y: F.cross_entropy(x, torch.zeros(3, dtype=torch.long)),
}


@pytest.mark.parametrize("what", REFUSED)
def check_the_device_refuses_what_cuda_refuses(what):
    x, y = torch.randn(3, 4, device=GPU), torch.randn(3, 4)
    with pytest.raises((RuntimeError, TypeError)):
        REFUSED[what](x, y)


def check_waiting_is_an_error_where_it_is_forbidden():
    x = torch.randn(3, 4, device=GPU)
    with simcuda.no_sync():
        (x * 2).sum()
        for wait in (lambda: x.sum().item(), lambda: x.cpu(), lambda: bool((x > 0).all())):
            with pytest.raises(RuntimeError, match="SYNC"):
                wait()


def check_a_network_trains_as_on_the_cpu():
    torch.manual_seed(0)
    cpu = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), nn.Flatten(),
                        nn.Linear(256, 1))  # fmt: skip
    gpu = copy.deepcopy(cpu).to(GPU).to(memory_format=torch.channels_last)
    for net, device in ((cpu, CPU), (gpu, GPU)):
        adam = torch.optim.Adam(net.parameters(), fused=True)
        x = torch.randn(6, 1, 8, 8, generator=torch.Generator().manual_seed(1)).to(device)
        for _ in range(3):
            adam.zero_grad()
            net(x).square().mean().backward()
            adam.step()
    for a, b in zip(cpu.parameters(), gpu.parameters(), strict=True):
        assert b.is_cuda and torch.allclose(a, b.cpu(), atol=1e-5)
    file = io.BytesIO()
    torch.save(gpu.state_dict(), file)
    file.seek(0)
    assert not any(t.is_cuda for t in torch.load(file, map_location="cpu").values())


# --- metrics: whatever the devices, one number

TWO = ("fid", "kid", "precision_recall", "density_coverage", "fid_infinity", "classifier_test")


@pytest.mark.parametrize("name", TWO)
@pytest.mark.parametrize("devices", [(GPU, GPU), (GPU, CPU), (CPU, GPU)], ids=str)
def check_a_metric_is_the_same_number_on_mixed_devices(name, devices, pair):
    metric = getattr(metrics, name)
    expected = metric(*pair)
    got = metric(*(x.to(d) for x, d in zip(pair, devices, strict=True)))
    for a, b in zip(numbers(expected), numbers(got), strict=True):
        assert b == pytest.approx(a, rel=1e-6, abs=1e-9)


def numbers(value):
    if isinstance(value, (int, float)):
        return [value]
    values = vars(value).values() if hasattr(value, "__dict__") else value
    return [float(v) for v in values if isinstance(v, (int, float))]


def check_statistics_of_batches_from_two_devices(pair):
    x, y = pair
    mixed = metrics.FeatureStats().update(x.to(GPU)).update(y)
    plain = metrics.FeatureStats().update(x).update(y)
    assert torch.allclose(mixed.mean.cpu(), plain.mean)
    assert torch.allclose(mixed.cov.cpu(), plain.cov)


@pytest.mark.parametrize("swap", [False, True])
def check_the_distance_of_statistics_from_two_devices(swap, pair):
    x, y = pair
    expected = metrics.fid(x, y)
    a, b = metrics.FeatureStats().update(x.to(GPU)), metrics.FeatureStats().update(y)
    if swap:
        a, b = b, a
    assert metrics.frechet_distance(a.mean, a.cov, b.mean, b.cov) == pytest.approx(expected)


def check_other_functions_of_samples(pair):
    x, y = (t.to(GPU) for t in pair)
    metrics.copying_test(x, y.cpu(), x[:100].cpu())
    metrics.interval(metrics.fid, x, y.cpu(), resamples=10)
    metrics.inception_score(x)
    metrics.kid_subsets(x, y, 3, 50, generator=torch.Generator(GPU))
    ring = data.ring()
    metrics.mode_coverage(ring.sample(500).to(GPU), ring.centers, ring.std)
    assert ring.sample(10, torch.Generator(GPU)).is_cuda


def check_features_move_the_images_and_stay_on_the_networks_device():
    digits = data.digits("test")
    images, net, plain = digits.images[:60], features.load("digits", GPU), features.load("digits")
    for given in (images, digits.float()[:60], digits.float()[:60].to(GPU)):
        assert net.features(given).is_cuda and net.logits(given).is_cuda
        assert torch.allclose(net.features(given).cpu(), plain.features(given), atol=1e-4)
    assert not plain.features(images.to(GPU)).is_cuda


# --- penalties, plots


@pytest.mark.parametrize("device", [CPU, GPU], ids=str)
def check_a_penaltys_generator_may_be_of_either_device(device):
    torch.manual_seed(0)
    net = nets.MLPDiscriminator().to(GPU)
    real, fake = torch.randn(4, 2, device=GPU), torch.randn(4, 2, device=GPU)
    rng = torch.Generator(device).manual_seed(0)
    assert penalties.gradient_penalty(net, real, fake, generator=rng).is_cuda


@pytest.mark.parametrize("as_lambda", [False, True])
@pytest.mark.parametrize("draw", [plots.decision_surface, plots.gradient_arrows])
def check_a_plot_of_a_network_on_the_gpu(draw, as_lambda, ax):
    net = nets.MLPDiscriminator().to(GPU)
    rest = (torch.randn(5, 2, device=GPU),) if draw is plots.gradient_arrows else ()
    draw(ax, (lambda x: net(x)) if as_lambda else net, *rest)


def check_plots_take_tensors_of_the_gpu(ax):
    plots.scatter(ax, torch.randn(5, 2, device=GPU), torch.randn(5, 2, device=GPU))
    plots.image_grid(ax, torch.rand(5, 1, 8, 8, device=GPU).half())
    plots.loss_curves(ax, {"D": torch.rand(100, device=GPU), "G": torch.rand(100, device=GPU)})
