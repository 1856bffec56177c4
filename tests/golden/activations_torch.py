#!/usr/bin/python3
"""Writes activations_torch.json: values and slopes of PyTorch's activations (Debian: python3-torch).

Usage: cd tests/golden && /usr/bin/python3 activations_torch.py
"""

import json

import torch
import torch.nn.functional as F

# Among them every kink; PyTorch's slopes there are ours.
POINTS = [-30, -6, -4, -3, -2.5, -1.5, -1, -0.5, -0.25, -1e-3, 0, 1e-3, 0.25, 0.5, 1, 1.5, 2.5, 3,
          4, 6, 7, 30]
# PyTorch takes hardswish's slopes at -3 and 3 from within.
INNER = [p for p in POINTS if abs(p) != 3]

FUNCTIONS = {
    "relu": F.relu,
    "leaky_relu": F.leaky_relu,
    "elu": F.elu,
    "elu_0.7": lambda x: F.elu(x, 0.7),
    "selu": F.selu,
    "celu_2": lambda x: F.celu(x, 2.0),
    "gelu": F.gelu,
    "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
    "silu": F.silu,
    "mish": F.mish,
    "softplus": F.softplus,
    "softsign": F.softsign,
    "log_sigmoid": F.logsigmoid,
    "tanh_shrink": F.tanhshrink,
    # F.hardsigmoid's own slope is 1 / 6 rounded to f32.
    "hard_sigmoid_sixth": lambda x: F.hardtanh(x / 6 + 0.5, 0.0, 1.0),
    "hard_swish": F.hardswish,
    "relu6": F.relu6,
    "hard_tanh": F.hardtanh,
    "threshold_1": lambda x: F.threshold(x, 1.0, 0.0),
    "hard_shrink": F.hardshrink,
    "soft_shrink": F.softshrink,
    "clamp": lambda x: torch.clamp(x, -1.5, 2.5),
    "expm1": torch.expm1,
    "log1p_abs": lambda x: torch.log1p(torch.abs(x)),
    "rsqrt_square": lambda x: torch.rsqrt(x * x + 1),
    "sin": torch.sin,
    "cos": torch.cos,
    "atan": torch.atan,
    "asinh": torch.asinh,
    "fmod_0.7": lambda x: torch.fmod(x, 0.7),
    "mod_-0.7": lambda x: torch.remainder(x, -0.7),
    "round": torch.round,
}


def run(name, function):
    points = INNER if name == "hard_swish" else POINTS
    x = torch.tensor(points, dtype=torch.float64, requires_grad=True)
    y = function(x)
    (slope,) = torch.autograd.grad(y.sum(), x)
    return {"name": name, "x": points, "y": y.tolist(), "slope": slope.tolist()}


with open("activations_torch.json", "w") as out:
    out.write("[\n" + ",\n".join(json.dumps(run(*f)) for f in FUNCTIONS.items()) + "\n]\n")
