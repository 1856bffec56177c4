#!/usr/bin/python3
"""Writes losses_keras.json: Keras' losses by the formulas of keras/losses.py and keras/backend.py
(2.4 to 2.11), written anew on PyTorch's tensors, which give the gradients.

Usage: cd tests/golden && /usr/bin/python3 losses_keras.py
"""

import math

import torch

import golden_ops as golden
from golden_ops import numbers

EPSILON = 1e-7


def clip(x, low=EPSILON, high=1 - EPSILON):
    return torch.clamp(x, low, high)


def l2_normalize(x):
    return x * torch.rsqrt(torch.clamp((x * x).sum(-1, keepdim=True), min=1e-12))


def to_signs(t):
    """_maybe_convert_labels: labels of 0 and 1 become -1 and 1."""
    binary = bool(((t == 0) | (t == 1)).all())
    return 2 * t - 1 if binary else t


def smooth_binary(t, s):
    return t * (1 - s) + 0.5 * s


def binary_crossentropy(t, p):
    """backend.binary_crossentropy adds epsilon inside the logarithms in later versions; this is the
    one that clips only."""
    p = clip(p)
    return -(t * torch.log(p) + (1 - t) * torch.log(1 - p))


def from_logits(t, x):
    return torch.clamp(x, min=0) - x * t + torch.log1p(torch.exp(-x.abs()))


def categorical_crossentropy(t, p):
    p = clip(p / p.sum(-1, keepdim=True))
    return -(t * torch.log(p)).sum(-1)


def smooth_categorical(t, s):
    return t * (1 - s) + s / t.shape[-1]


def huber(t, p, delta=1.0):
    error = (p - t).abs()
    return torch.where(error <= delta, 0.5 * error**2, delta * error - 0.5 * delta**2)


def kl(t, p):
    t, p = clip(t, high=1), clip(p, high=1)
    return (t * torch.log(t / p)).sum(-1)


def binary_focal(t, p, alpha=None, gamma=2.0):
    p_t = t * p + (1 - t) * (1 - p)
    loss = (1 - p_t)**gamma * binary_crossentropy(t, p)
    return loss if alpha is None else loss * (t * alpha + (1 - t) * (1 - alpha))


def categorical_focal(t, p, alpha=0.25, gamma=2.0):
    p = clip(p / p.sum(-1, keepdim=True))
    return (alpha * (1 - p)**gamma * -t * torch.log(p)).sum(-1)


def squared_log(t, p):
    log = lambda x: torch.log(torch.clamp(x, min=EPSILON) + 1)
    return (log(p) - log(t))**2


def log_cosh(t, p):
    d = p - t
    return d + torch.nn.functional.softplus(-2 * d) - math.log(2)


def run(name, fn, t, p):
    """Of y_true, y_pred: the mean, as models train it, and its gradient by y_pred."""
    t = torch.tensor(t, dtype=torch.float64)
    x = torch.tensor(p, dtype=torch.float64, requires_grad=True)
    y = fn(t, x).mean()
    y.backward()
    return golden.case(name, [t.numpy(), p], [y.item()], [None, x.grad.numpy()])


P, T = numbers((4, 3)), numbers((4, 3), 1)
POSITIVE = abs(numbers((4, 3), 2)) + 0.1
SHARES = torch.softmax(torch.tensor(numbers((4, 3), 3)), -1).numpy()
OTHERS = torch.softmax(torch.tensor(numbers((4, 3), 4)), -1).numpy()
UNSCALED = 1.5 * OTHERS
SIGNS = [[1, -1, 1], [-1, -1, 1], [1, 1, -1], [-1, 1, 1]]
BITS = [[1, 0, 1], [0, 0, 1], [1, 1, 0], [0, 1, 1]]
ONE_HOT = [[1, 0, 0], [0, 0, 1], [0, 1, 0], [0, 0, 1]]

CASES = [
    run("mean_squared_error", lambda t, p: (p - t)**2, T, P),
    run("mean_absolute_error", lambda t, p: (p - t).abs(), T, P),
    run("mean_absolute_percentage_error",
        lambda t, p: 100 * ((t - p) / torch.clamp(t.abs(), min=EPSILON)).abs(), T, P),
    run("mean_squared_logarithmic_error", squared_log, POSITIVE, SHARES),
    run("binary_crossentropy", binary_crossentropy, BITS, SHARES),
    run("binary_crossentropy(1, 0.1)", lambda t, x: from_logits(smooth_binary(t, 0.1), x), BITS, P),
    run("binary_crossentropy(0, 0.2)",
        lambda t, p: binary_crossentropy(smooth_binary(t, 0.2), p), BITS, SHARES),
    run("categorical_crossentropy", categorical_crossentropy, ONE_HOT, UNSCALED),
    run("categorical_crossentropy(0, 0.2)",
        lambda t, p: categorical_crossentropy(smooth_categorical(t, 0.2), p), ONE_HOT, OTHERS),
    run("categorical_crossentropy(1, 0.3)",
        lambda t, x: -(smooth_categorical(t, 0.3) * torch.log_softmax(x, -1)).sum(-1), ONE_HOT, P),
    run("sparse_categorical_crossentropy(1)",
        lambda t, x: -torch.log_softmax(x, -1).gather(1, t.long()).squeeze(1),
        [[0], [2], [1], [2]], P),
    run("huber", huber, T, P),
    run("huber(0.6)", lambda t, p: huber(t, p, 0.6), T, P),
    run("log_cosh", log_cosh, T, P),
    run("kl_divergence", kl, SHARES, OTHERS),
    run("poisson", lambda t, p: p - t * torch.log(p + EPSILON), POSITIVE, SHARES),
    run("hinge", lambda t, p: torch.clamp(1 - to_signs(t) * p, min=0), SIGNS, P),
    run("hinge", lambda t, p: torch.clamp(1 - to_signs(t) * p, min=0), BITS, P),
    run("squared_hinge", lambda t, p: torch.clamp(1 - to_signs(t) * p, min=0)**2, BITS, P),
    run("categorical_hinge",
        lambda t, p: torch.clamp(((1 - t) * p).max(-1).values - (t * p).sum(-1) + 1, min=0),
        ONE_HOT, P),
    run("cosine_similarity", lambda t, p: -(l2_normalize(t) * l2_normalize(p)).sum(-1), T, P),
    run("binary_focal_crossentropy", binary_focal, BITS, SHARES),
    run("binary_focal_crossentropy(1.5, 0.25)",
        lambda t, p: binary_focal(t, p, 0.25, 1.5), BITS, SHARES),
    run("categorical_focal_crossentropy", categorical_focal, ONE_HOT, UNSCALED),
    run("categorical_focal_crossentropy(0.5, 1.5)",
        lambda t, p: categorical_focal(t, p, 0.5, 1.5), ONE_HOT, OTHERS),
]

if __name__ == "__main__":
    golden.write("losses_keras.json", "Keras' formulas in PyTorch, f64", CASES)
