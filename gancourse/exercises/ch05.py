"""Exercises of chapter 5, Keeping the critic smooth."""

from __future__ import annotations

import warnings

import torch
from torch import nn
from torch.nn.functional import normalize

from . import Exercise, Mistake

# --- 5.1 the gradient penalty, with the bugs of popular code -----------------------------------------


def _mixed(real, fake, mix):
    return real.lerp(fake, mix).detach().requires_grad_()


def _per_sample(real):
    return torch.rand(len(real), 1, 1, 1)


def _slope(critic, x, create_graph=True):
    return torch.autograd.grad(critic(x).sum(), x, create_graph=create_graph)[0]


def _gradient_penalty(critic, real, fake):
    gradient = _slope(critic, _mixed(real, fake, _per_sample(real)))
    return (gradient.flatten(1).norm(dim=1) - 1).square().mean()


def _gp_per_pixel(critic, real, fake):
    gradient = _slope(critic, _mixed(real, fake, torch.rand_like(real)))
    return (gradient.flatten(1).norm(dim=1) - 1).square().mean()


def _gp_one_mix(critic, real, fake):
    gradient = _slope(critic, _mixed(real, fake, torch.rand(())))
    return (gradient.flatten(1).norm(dim=1) - 1).square().mean()


def _gp_swapped(critic, real, fake):
    return _gradient_penalty(critic, fake, real)


def _gp_channel_norm(critic, real, fake):
    gradient = _slope(critic, _mixed(real, fake, _per_sample(real)))
    return (gradient.norm(dim=1) - 1).square().mean()


def _gp_batch_norm(critic, real, fake):
    gradient = _slope(critic, _mixed(real, fake, _per_sample(real)))
    return (gradient.norm() - 1).square()


def _gp_sigmoid(critic, real, fake):
    x = _mixed(real, fake, _per_sample(real))
    gradient = _slope(lambda x: critic(x).sigmoid(), x)
    return (gradient.flatten(1).norm(dim=1) - 1).square().mean()


def _gp_no_graph(critic, real, fake):
    gradient = _slope(critic, _mixed(real, fake, _per_sample(real)), create_graph=False)
    return (gradient.flatten(1).norm(dim=1) - 1).square().mean()


def _gp_attached(critic, real, fake):
    mix = _per_sample(real)
    gradient = _slope(critic, real.lerp(fake, mix))
    return (gradient.flatten(1).norm(dim=1) - 1).square().mean()


def _gp_of_mean(critic, real, fake):
    x = _mixed(real, fake, _per_sample(real))
    (gradient,) = torch.autograd.grad(critic(x).mean(), x, create_graph=True)
    return (gradient.flatten(1).norm(dim=1) - 1).square().mean()


def _gp_squared_norm(critic, real, fake):
    gradient = _slope(critic, _mixed(real, fake, _per_sample(real)))
    return (gradient.flatten(1).square().sum(1) - 1).square().mean()


def _gp_mean_first(critic, real, fake):
    gradient = _slope(critic, _mixed(real, fake, _per_sample(real)))
    return (gradient.flatten(1).norm(dim=1).mean() - 1).square()


def _gp_one_sided(critic, real, fake):
    gradient = _slope(critic, _mixed(real, fake, _per_sample(real)))
    return (gradient.flatten(1).norm(dim=1) - 1).relu().square().mean()


def _gp_on_real(critic, real, fake):
    gradient = _slope(critic, real.detach().requires_grad_())
    return (gradient.flatten(1).norm(dim=1) - 1).square().mean()


def _gp_times_ten(critic, real, fake):
    return 10 * _gradient_penalty(critic, real, fake)


def _gp_no_square(critic, real, fake):
    gradient = _slope(critic, _mixed(real, fake, _per_sample(real)))
    return (gradient.flatten(1).norm(dim=1) - 1).abs().mean()


def _gp_sum(critic, real, fake):
    gradient = _slope(critic, _mixed(real, fake, _per_sample(real)))
    return (gradient.flatten(1).norm(dim=1) - 1).square().sum()


def _gp_normal(critic, real, fake):
    gradient = _slope(critic, _mixed(real, fake, torch.randn(len(real), 1, 1, 1)))
    return (gradient.flatten(1).norm(dim=1) - 1).square().mean()


def _gp_per_column(critic, real, fake):
    gradient = _slope(critic, _mixed(real, fake, torch.rand(len(real))))
    return (gradient.flatten(1).norm(dim=1) - 1).square().mean()


def _gp_on_fake(critic, real, fake):
    gradient = _slope(critic, fake.detach().requires_grad_())
    return (gradient.flatten(1).norm(dim=1) - 1).square().mean()


def _gp_each(critic, real, fake):
    gradient = _slope(critic, _mixed(real, fake, _per_sample(real)))
    return (gradient.flatten(1).norm(dim=1) - 1).square()


def _gp_flat_zero(critic, real, fake):
    gradient = _slope(critic, _mixed(real, fake, _per_sample(real)))
    return (gradient.flatten(1).norm(dim=0) - 1).square().mean()


def _gp_not_asked(critic, real, fake):
    gradient = _slope(critic, real.lerp(fake.detach(), _per_sample(real)))
    return (gradient.flatten(1).norm(dim=1) - 1).square().mean()


def _gp_backward(critic, real, fake):
    x = _mixed(real, fake, _per_sample(real))
    return (_slope_by_backward(critic, x).flatten(1).norm(dim=1) - 1).square().mean()


def _slope_by_backward(network, x):
    with warnings.catch_warnings():  # torch warns of a reference cycle
        warnings.simplefilter("ignore")
        network(x).sum().backward(create_graph=True)
    return x.grad


def _image_critic(channels, size, scale):
    last = nn.Linear(4 * (size - 2) ** 2, 1)
    with torch.no_grad():
        last.weight.mul_(scale)  # slopes on both sides of 1
    return nn.Sequential(
        nn.Conv2d(channels, 4, 3), nn.Softplus(), nn.Flatten(), last, nn.Flatten(0)
    )


def _images(g):
    cases = []
    # As many images as columns, so that an ε of shape (N,) runs: it then differs by column.
    for n, channels, size, scale in ((5, 3, 5, 5.0), (4, 1, 4, 4.0), (6, 2, 6, 3.0)):
        real = torch.randn(n, channels, size, size, generator=g)
        weight = torch.ones(channels, 1, 1, requires_grad=True)  # stands for a generator's
        fake = weight * torch.randn(real.shape, generator=g).tanh()
        cases.append((_image_critic(channels, size, scale), real, fake))
    return cases


def _weight_gradients(result, network):
    """The gradient that the network's weights get from a penalty, as one vector."""
    weights = list(network.parameters())
    grads = torch.autograd.grad(result, weights, retain_graph=True, allow_unused=True)
    return torch.cat(
        [(torch.zeros_like(w) if g is None else g).flatten() for w, g in zip(weights, grads)]
    )


def _observe_gp(result, args):
    critic, _, fake = args
    (sent,) = torch.autograd.grad(result, fake, retain_graph=True, allow_unused=True)
    return {
        "The penalty": result.detach(),
        "Its gradient in the critic's weights": _weight_gradients(result, critic),
        "The gradient that it sends to the generator": float(0 if sent is None else sent.norm()),
    }


# --- 5.2 what lambda costs -------------------------------------------------------------------------


def _gp_estimates(distance, lam):
    bias = distance / (2 * lam)
    return distance * (1 + bias), -distance * (1 - bias)


# --- 5.3 who influences whom in a batch ------------------------------------------------------------


def _rows(critic, x, measure):
    x = x.detach().requires_grad_()
    logits = critic(x)
    rows = [torch.autograd.grad(f, x, retain_graph=True)[0] for f in logits]
    return torch.stack([measure(row.flatten(1)) for row in rows])


def _influence(critic, x):
    return _rows(critic, x, lambda row: row.norm(dim=1))


def _influence_of_sum(critic, x):
    x = x.detach().requires_grad_()
    norm = torch.autograd.grad(critic(x).sum(), x)[0].flatten(1).norm(dim=1)
    return norm.expand(len(x), -1).clone()


def _influence_diagonal(critic, x):
    return _influence(critic, x).diagonal().diag()


def _influence_alone(critic, x):
    x = x.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(critic(x).sum(), x)
    return gradient.flatten(1).norm(dim=1).diag()


def _influence_signed(critic, x):
    return _rows(critic, x, lambda row: row.sum(1))


def _influence_eval(critic, x):
    critic.eval()
    return _influence(critic, x)


def _influence_piling_up(critic, x):
    x = x.detach().requires_grad_()
    rows = []
    for logit in critic(x):
        logit.backward(retain_graph=True)
        assert x.grad is not None
        rows.append(x.grad.flatten(1).norm(dim=1))
    return torch.stack(rows)


def _influence_one_by_one(critic, x):
    rows = []
    for i in range(len(x)):
        one = x[i : i + 1].detach().requires_grad_()
        (gradient,) = torch.autograd.grad(critic(one).sum(), one)
        rows.append(gradient.flatten(1).norm(dim=1))
    return torch.cat(rows).diag()


def _influence_axis_one(critic, x):
    x = x.detach().requires_grad_()
    rows = [torch.autograd.grad(f, x, retain_graph=True)[0].norm(dim=1) for f in critic(x)]
    return torch.stack(rows)


def _influence_shares(critic, x):
    norm = _influence(critic, x)
    return norm / norm.sum(1, keepdim=True)


def _influence_no_retain(critic, x):
    x = x.detach().requires_grad_()
    return torch.stack([torch.autograd.grad(f, x)[0].flatten(1).norm(dim=1) for f in critic(x)])


def _batches(g):
    normed = nn.Sequential(
        nn.Linear(3, 8), nn.BatchNorm1d(8), nn.LeakyReLU(0.2), nn.Linear(8, 1), nn.Flatten(0)
    )
    images = nn.Sequential(
        nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.Softplus(), nn.Flatten(), nn.Linear(16, 1),
        nn.Flatten(0),
    )  # fmt: skip
    plain = nn.Sequential(nn.Linear(3, 8), nn.Softplus(), nn.Linear(8, 1), nn.Flatten(0))
    return [
        (normed, torch.randn(5, 3, generator=g)),
        (plain, torch.randn(6, 3, generator=g)),
        (images, torch.randn(4, 2, 4, 4, generator=g)),
    ]


# --- 5.4 power iteration ---------------------------------------------------------------------------


def _iterate(matrix, u, steps):
    with torch.no_grad():
        for _ in range(steps):
            v = normalize(matrix.T @ u, dim=0)
            u = normalize(matrix @ v, dim=0)
    return u, v


def _spectral_norm(weight, u, steps):
    matrix = weight.flatten(1)
    u, v = _iterate(matrix, u, steps)
    return u @ matrix @ v


def _sigma_unnormalised(weight, u, steps):
    matrix = weight.flatten(1)
    with torch.no_grad():
        for _ in range(steps):
            v = matrix.T @ u
            u = matrix @ v
    return u @ matrix @ v


def _sigma_squared(weight, u, steps):
    matrix = weight.flatten(1)
    _, v = _iterate(matrix, u, steps)
    return (matrix @ v).square().sum()


def _sigma_u_stays(weight, u, steps):
    matrix = weight.flatten(1)
    v = normalize(matrix.T @ u, dim=0).detach()
    return normalize(u, dim=0) @ matrix @ v


def _sigma_one_step(weight, u, steps):
    return _spectral_norm(weight, u, 1)


def _sigma_frobenius(weight, u, steps):
    return weight.norm()


def _sigma_exact(weight, u, steps):
    return torch.linalg.svdvals(weight.flatten(1))[0]


def _sigma_reshaped(weight, u, steps):
    matrix = weight.reshape(-1, len(weight)).T
    u, v = _iterate(matrix, u, steps)
    return u @ matrix @ v


def _sigma_no_grad(weight, u, steps):
    return _spectral_norm(weight, u, steps).detach()


def _sigma_through(weight, u, steps):
    matrix = weight.flatten(1)
    for _ in range(steps):
        v = normalize(matrix.T @ u, dim=0)
        u = normalize(matrix @ v, dim=0)
    return u @ matrix @ v


def _normalised_weight(weight, u, steps):
    return weight / _spectral_norm(weight, u, steps)


def _weights(g):
    return [
        (torch.randn(*shape, generator=g).requires_grad_(), torch.randn(shape[0], generator=g), n)
        for shape, n in (((5, 4), 2), ((6, 9), 3), ((3, 2, 3, 3), 4))
    ]


def _sigma_one_more(weight, u, steps):
    return _spectral_norm(weight, u, steps + 1)


def _sigma_half_more(weight, u, steps):
    """u first: v is one product ahead at the end."""
    matrix = weight.flatten(1)
    with torch.no_grad():
        u = normalize(u, dim=0)
        v = normalize(matrix.T @ u, dim=0)
        for _ in range(steps):
            u = normalize(matrix @ v, dim=0)
            v = normalize(matrix.T @ u, dim=0)
    return u @ matrix @ v


def _sigma_and_u(weight, u, steps):
    matrix = weight.flatten(1)
    u, v = _iterate(matrix, u, steps)
    return u @ matrix @ v, u


def _sigma_largest(weight, u, steps):
    matrix = weight.flatten(1)
    with torch.no_grad():
        for _ in range(steps):
            v = matrix.T @ u
            v = v / v.abs().max()
            u = matrix @ v
            u = u / u.abs().max()
    return u @ matrix @ v


def _observe_sigma(result, args):
    (gradient,) = torch.autograd.grad(result, args[0])
    return {"Sigma": result.detach(), "The gradient of sigma in the weight": gradient}


# --- 5.5 R1 ----------------------------------------------------------------------------------------


def _r1_penalty(discriminator, real):
    x = real.detach().requires_grad_()
    return _slope(discriminator, x).flatten(1).square().sum(1).mean()


def _r1_unsquared(discriminator, real):
    x = real.detach().requires_grad_()
    return _slope(discriminator, x).flatten(1).norm(dim=1).mean()


def _r1_entries(discriminator, real):
    return _slope(discriminator, real.detach().requires_grad_()).square().mean()


def _r1_sum(discriminator, real):
    return _slope(discriminator, real.detach().requires_grad_()).square().sum()


def _r1_of_mean(discriminator, real):
    x = real.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(discriminator(x).mean(), x, create_graph=True)
    return gradient.flatten(1).square().sum(1).mean()


def _r1_sigmoid(discriminator, real):
    return _r1_penalty(lambda x: discriminator(x).sigmoid(), real)


def _r1_no_graph(discriminator, real):
    x = real.detach().requires_grad_()
    return _slope(discriminator, x, create_graph=False).flatten(1).square().sum(1).mean()


def _r1_target_one(discriminator, real):
    x = real.detach().requires_grad_()
    return (_slope(discriminator, x).flatten(1).norm(dim=1) - 1).square().mean()


def _r1_half(discriminator, real):
    return _r1_penalty(discriminator, real) / 2


def _r1_weights(discriminator, real):
    return torch.stack([w.square().sum() for w in discriminator.parameters()]).sum()


def _discriminators(g):
    linear = nn.Sequential(nn.Linear(3, 1), nn.Flatten(0))
    images = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.Softplus(), nn.Flatten(), nn.Linear(24, 1), nn.Flatten(0)
    )
    curved = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1), nn.Flatten(0))
    return [
        (linear, torch.randn(6, 3, generator=g)),
        (images, torch.randn(4, 3, 4, 5, generator=g)),
        (curved, 2 * torch.randn(7, 2, generator=g)),
    ]


def _r1_not_asked(discriminator, real):
    return _slope(discriminator, real).flatten(1).square().sum(1).mean()


def _r1_backward(discriminator, real):
    x = real.detach().requires_grad_()
    return _slope_by_backward(discriminator, x).flatten(1).square().sum(1).mean()


def _r1_squared_mean(discriminator, real):
    x = real.detach().requires_grad_()
    return _slope(discriminator, x).flatten(1).norm(dim=1).mean().square()


def _r1_noisy(discriminator, real):
    x = (real + 0.1 * torch.randn_like(real)).detach().requires_grad_()
    return _slope(discriminator, x).flatten(1).square().sum(1).mean()


def _r1_by_coordinate(discriminator, real):
    x = real.detach().requires_grad_()
    return _slope(discriminator, x).flatten(1).square().sum(0).mean()


def _r1_channels(discriminator, real):
    return _slope(discriminator, real.detach().requires_grad_()).square().sum(1).mean()


def _observe_r1(result, args):
    return {
        "The penalty": result.detach(),
        "Its gradient in the discriminator's weights": _weight_gradients(result, args[0]),
    }


EXERCISES = [
    Exercise(
        "5.1",
        "The gradient penalty",
        difficulty=2,
        minutes=15,
        reference=_gradient_penalty,
        inputs=_images,
        observe=_observe_gp,
        mistakes=[
            Mistake(
                _gp_per_pixel,
                "Your ε is drawn per pixel: every pixel mixes differently, and the point no longer "
                "lies on the line between the two images. Draw one ε per sample.",
            ),
            Mistake(
                _gp_one_mix,
                "You draw a single ε for the whole batch: all points sit at the same fraction of "
                "their lines. Draw one per sample, shaped so that it multiplies whole images.",
            ),
            Mistake(
                _gp_swapped,
                "Right but for one convention: your ε multiplies the real image. The random points "
                "are as good, but the check compares numbers: let ε = 0 be real, 1 generated.",
            ),
            Mistake(
                _gp_channel_norm,
                "Your norm runs over axis 1, which in (N, C, H, W) is the channels: that asks for "
                "slope 1 at every pixel. A sample has one slope, over all of its entries.",
            ),
            Mistake(
                _gp_batch_norm,
                "Your norm runs over the whole batch at once. Each sample has a slope of its own: "
                "take N norms, punish each, and average last.",
            ),
            Mistake(
                _gp_sigmoid,
                "You differentiate the sigmoid of the critic. The Lipschitz condition is on the "
                "critic itself; the sigmoid's slope is at most 1/4 and hides the critic's.",
            ),
            Mistake(
                _gp_no_graph,
                "The value is right, but no gradient reaches the critic's weights: the penalty is "
                "a constant to the optimizer. Ask autograd to keep the graph of this gradient.",
            ),
            Mistake(
                _gp_attached,
                "The value is right, but the penalty sends a gradient to the generator. The points "
                "between real and generated are inputs here: detach them first.",
            ),
            Mistake(
                _gp_of_mean,
                "You differentiate the mean of the logits: every slope comes out N times too "
                "small. Which reduction leaves each sample's own gradient as it is?",
            ),
            Mistake(
                _gp_squared_norm,
                "You compare the *squared* slope with 1. Take the root first: the penalty is "
                "(|gradient| - 1)², not (|gradient|² - 1)².",
            ),
            Mistake(
                _gp_mean_first,
                "You average the slopes and then punish the average: a slope of 0 here and 2 there "
                "would cost nothing. Square first, average last.",
            ),
            Mistake(
                _gp_one_sided,
                "This is the one-sided penalty, which leaves slopes below 1 alone. The exercise "
                "asks for the two-sided one.",
            ),
            Mistake(
                _gp_on_real,
                "You punish the slope at the real images. The penalty is taken at random points on "
                "the lines between real and generated ones.",
            ),
            Mistake(
                _gp_times_ten,
                "You multiply by λ = 10. Return the bare penalty; whoever calls it has λ.",
            ),
            Mistake(
                _gp_per_column,
                "Your ε has the shape (N,). PyTorch lines it up with the *last* axis, so each "
                "column of pixels gets its own; where an image isn't N pixels wide it raises. One "
                "ε per sample has the shape (N, 1, 1, 1).",
            ),
            Mistake(
                _gp_no_square,
                "You take the absolute difference of the slope from 1. The penalty is its square.",
            ),
            Mistake(_gp_sum, "This is the sum over the samples: take the mean."),
            Mistake(
                _gp_normal,
                "Your ε is normal: it leaves the line between the two images on either side. Draw "
                "it uniformly from 0 to 1.",
            ),
            Mistake(
                _gp_on_fake,
                "You punish the slope at the generated images. The penalty is taken at random "
                "points on the lines between real and generated ones.",
            ),
            Mistake(
                _gp_each,
                "You return one number for each sample. Average them at the end.",
            ),
            Mistake(
                _gp_flat_zero,
                "Your norm runs over the samples (axis 0), for each pixel. A slope belongs to a "
                "sample: take the norm over axis 1.",
            ),
            Mistake(
                _gp_not_asked,
                "PyTorch follows only what requires a gradient, and the points that you hand to "
                "the critic don't. Detach them, and let the result require one.",
            ),
            Mistake(
                _gp_backward,
                "The value is right, but `backward` has also left a gradient in each of the "
                "critic's weights, which its next step would follow. `torch.autograd.grad` returns "
                "a gradient and leaves nothing behind.",
            ),
        ],
    ),
    Exercise(
        "5.2",
        "What λ costs",
        difficulty=1,
        minutes=8,
        reference=_gp_estimates,
        inputs=[(1.0, 10.0), (1.0, 2.0), (3.0, 10.0), (0.5, 0.5), (7.0, 4.0)],
        parts=("The right estimate", "The wrong one"),
        mistakes=[
            Mistake(
                lambda distance, lam: (1 + distance / (2 * lam), -(1 - distance / (2 * lam))),
                "These are the slopes. The estimate is the difference of the critic at two points "
                "a distance apart: what turns a slope into that?",
            ),
            Mistake(
                lambda distance, lam: (
                    distance * (1 + 1 / (2 * lam)),
                    -distance * (1 - 1 / (2 * lam)),
                ),
                "You used the slopes for distance 1. With the points further apart the first term "
                "pulls harder: write the objective again with its distance and differentiate.",
            ),
            Mistake(
                lambda distance, lam: (
                    distance * (1 + distance / lam),
                    -distance * (1 - distance / lam),
                ),
                "A factor 2 is missing: the derivative of the square brings one down.",
            ),
            Mistake(
                lambda distance, lam: (
                    distance * (1 - distance / (2 * lam)),
                    -distance * (1 + distance / (2 * lam)),
                ),
                "The correction has the wrong sign: the first term rewards steepness, so on the "
                "right branch the slope ends *above* 1.",
            ),
            Mistake(
                lambda distance, lam: (
                    distance * (1 + distance / (2 * lam)),
                    distance * (1 - distance / (2 * lam)),
                ),
                "On the wrong branch the critic slopes the other way: that estimate is negative.",
            ),
            Mistake(
                lambda distance, lam: _gp_estimates(distance, lam)[::-1],
                "These are the two estimates, in the other order: the right one comes first.",
            ),
            Mistake(
                lambda distance, lam: (distance, -distance),
                "That is the limit of an infinite λ. With a finite one the slope gives way a "
                "little: by how much?",
            ),
        ],
    ),
    Exercise(
        "5.3",
        "Who moves whose logit?",
        difficulty=2,
        minutes=12,
        reference=_influence,
        inputs=_batches,
        may_change=("critic",),  # it is only measured
        rtol=1e-3,
        atol=1e-5,
        mistakes=[
            Mistake(
                _influence_of_sum,
                "All your rows are the gradient of the *sum* of the logits, which adds up a column. "
                "Differentiate one logit at a time.",
            ),
            Mistake(
                _influence_alone,
                "You put the gradient of the sum on the diagonal and assume zero elsewhere. That is "
                "the very assumption to test: differentiate each logit by every sample.",
            ),
            Mistake(
                _influence_diagonal,
                "The diagonal is right, but you leave the rest at zero. Keep every sample's norm: "
                "what a logit owes to the *other* samples is the answer.",
            ),
            Mistake(
                lambda critic, x: _influence(critic, x).T,
                "Your matrix is transposed: row i belongs to logit i, column j to sample j.",
            ),
            Mistake(
                lambda critic, x: _influence(critic, x).square(),
                "These are squared norms: take the root.",
            ),
            Mistake(
                _influence_signed,
                "You add the entries of the gradient, and they cancel. Take a norm over all the "
                "entries of a sample.",
            ),
            Mistake(
                _influence_eval,
                "You switched the critic to evaluation mode, where BatchNorm uses stored averages "
                "and mixes nothing. Measure it as it is trained.",
            ),
            Mistake(
                _influence_piling_up,
                "Your rows add up: `backward` adds each logit's gradient to what the ones before "
                "it have left in `x.grad` (and leaves gradients in the critic's weights, too). "
                "`torch.autograd.grad` returns one gradient and leaves nothing behind.",
            ),
            Mistake(
                _influence_one_by_one,
                "You hand the samples over one at a time: then nobody can move another's logit, "
                "and BatchNorm refuses a batch of one. Give the critic the whole batch, and "
                "differentiate its logits one at a time.",
            ),
            Mistake(
                _influence_axis_one,
                "Your norm runs over axis 1 only. For images that leaves rows and columns over: "
                "flatten each sample first.",
            ),
            Mistake(
                _influence_shares,
                "You divide each row by its sum. The norms themselves are asked for.",
            ),
            Mistake(
                _influence_no_retain,
                "The graph is gone after the first logit: PyTorch frees it as soon as it has been "
                "walked. Ask it to keep the graph for the next logit.",
            ),
        ],
    ),
    Exercise(
        "5.4",
        "Power iteration",
        difficulty=2,
        minutes=12,
        reference=_spectral_norm,
        inputs=_weights,
        observe=_observe_sigma,
        mistakes=[
            Mistake(
                _sigma_unnormalised,
                "Your vectors are never brought back to length 1, so the result grows with every "
                "step. Normalise both in each round.",
            ),
            Mistake(
                _sigma_squared,
                "This is σ²: |Wv|² for a unit v. You want the factor by which W stretches v.",
            ),
            Mistake(
                _sigma_u_stays,
                "Your u keeps its starting value, so every round computes the same v. Feed the new "
                "u into the next round.",
            ),
            Mistake(
                _sigma_one_step,
                "You do one round, whatever `steps` says; or the new u never goes into the next round.",
            ),
            Mistake(
                _sigma_frobenius,
                "This is the Frobenius norm, the root of the sum of all σ². Normalising by it "
                "shrinks a matrix more than needed: find the largest σ alone.",
            ),
            Mistake(
                _sigma_exact,
                "Right in the limit, but this is a full decomposition, which costs too much in "
                "each step of training. Do `steps` rounds of the iteration from the u given.",
            ),
            Mistake(
                _sigma_reshaped,
                "Your reshape scrambles the weight: outputs come first in PyTorch, so keep axis 0 "
                "and flatten the others behind it.",
            ),
            Mistake(
                _sigma_no_grad,
                "The value is right, but it carries no gradient: then training does not know that "
                "it divides by σ. Only the iteration is a constant; the last product is not.",
            ),
            Mistake(
                _sigma_through,
                "The value is right, but you differentiate through the iteration. Treat u and v as "
                "constants: at the exact vectors the gradient of σ is u vᵀ, and it is cheap.",
            ),
            Mistake(
                _normalised_weight,
                "This is the normalised weight. Return σ itself.",
            ),
            Mistake(
                _sigma_one_more,
                "You do one round more than `steps`. Near the end that changes little, but here "
                "the numbers are compared: count the rounds.",
            ),
            Mistake(
                _sigma_half_more,
                "You begin with a v from the u that was given and then do `steps` rounds with u "
                "first: half a round too many. In each round v comes first.",
            ),
            Mistake(
                _sigma_and_u,
                "You return u as well. (A layer would keep it for the next step.) Only σ is asked "
                "for.",
            ),
            Mistake(
                _sigma_largest,
                "You divide by the largest entry. That keeps the numbers in range, but u and v must "
                "have length 1, or uᵀWv is not σ.",
            ),
        ],
    ),
    Exercise(
        "5.5",
        "R1, and a case you can do in your head",
        difficulty=1,
        minutes=8,
        reference=_r1_penalty,
        inputs=_discriminators,
        observe=_observe_r1,
        mistakes=[
            Mistake(
                _r1_unsquared,
                "This is the mean slope. R1 averages the *squared* norms: for f(x) = w·x + b it "
                "must give |w|².",
            ),
            Mistake(
                _r1_entries,
                "You average over samples and over their entries. Add up a sample's squared "
                "entries; average over samples only.",
            ),
            Mistake(
                _r1_sum,
                "You add up the whole batch: twice the batch would give twice the penalty. Average "
                "over samples.",
            ),
            Mistake(
                _r1_of_mean,
                "You differentiate the mean of the logits: the result is N² times too small.",
            ),
            Mistake(
                _r1_sigmoid,
                "You differentiate D, the probability. R1 is about the logit f: a saturated sigmoid "
                "is flat even where f is steep.",
            ),
            Mistake(
                _r1_no_graph,
                "The value is right, but no gradient reaches the discriminator's weights. Ask "
                "autograd to keep the graph of this gradient.",
            ),
            Mistake(
                _r1_target_one,
                "You ask for slope 1. R1's target is 0: at the equilibrium the discriminator has "
                "nothing left to say.",
            ),
            Mistake(
                _r1_half,
                "You include the factor 1/2. Return the bare mean; the trainer multiplies by γ/2.",
            ),
            Mistake(
                _r1_weights,
                "This is weight decay. It agrees with R1 for no network but a bias-free linear "
                "one: differentiate the logits with respect to the *images*.",
            ),
            Mistake(
                _r1_not_asked,
                "PyTorch follows only what requires a gradient, and the points that you hand to "
                "the discriminator don't. Detach them, and let the result require one.",
            ),
            Mistake(
                _r1_backward,
                "The value is right, but `backward` has also left a gradient in each of the "
                "discriminator's weights, which its next step would follow. `torch.autograd.grad` "
                "returns a gradient and leaves nothing behind.",
            ),
            Mistake(
                _r1_squared_mean,
                "You square the mean slope. Square each sample's slope, then take the mean: a "
                "steep place must not hide behind flat ones.",
            ),
            Mistake(
                _r1_by_coordinate,
                "You sum over the batch and average over the entries: the axes have changed places.",
            ),
            Mistake(
                _r1_channels,
                "You sum over axis 1 only. For points that is all; for images it is the channels, "
                "and the pixels are averaged. Flatten all axes but the first.",
            ),
            Mistake(
                _r1_noisy,
                "You take the slope at points around the data (as DRAGAN does). R1 takes it at the "
                "real samples themselves.",
            ),
        ],
    ),
]
