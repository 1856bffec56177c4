#!/usr/bin/python3
"""Writes layers_torch.json: layers with Keras' layouts as PyTorch computes them, and the gradients.

Operands are not stored: element i of operand k is sin(1.3 i + 0.7 k + 0.4), here and in the test;
inputs are operands 0, 1, ..., variables follow them, in the order of the layer's declarations.
Numbers of words are (7 i + 3 k + 1) % words. The gradients are those of sum(output * operand 19) with
respect to floating inputs, then variables. All in f64; the test runs in f32.

Run: cd tests/golden && /usr/bin/python3 layers_torch.py > layers_torch.json
"""

import json

import numpy as np
import torch
import torch.nn.functional as F


def operand(k, shape):
    n = int(np.prod(shape))
    values = np.sin(1.3 * np.arange(n) + 0.7 * k + 0.4).reshape(shape)
    return torch.tensor(values.astype(np.float32).astype(np.float64))


def numbers(t):
    return [float("%.12g" % v) for v in t.detach().flatten().tolist()]


CASES = []


def case(name, inputs, variables, compute, words=0):
    """compute(inputs, variables): with words > 0 the first input is numbers of words."""
    xs = []
    for k, shape in enumerate(inputs):
        if k == 0 and words > 0:
            i = np.arange(int(np.prod(shape)))
            xs.append(torch.tensor(((7 * i + 3 * k + 1) % words).reshape(shape)))
        else:
            xs.append(operand(k, shape).requires_grad_())
    ws = [operand(len(inputs) + i, s).requires_grad_() for i, s in enumerate(variables)]
    y = compute(xs, ws)
    wrt = [x for x in xs if x.is_floating_point()] + ws
    grads = torch.autograd.grad((y * operand(19, y.shape)).sum(), wrt) if wrt else []
    CASES.append({
        "name": name, "words": words, "inputs": [list(s) for s in inputs],
        "variables": [list(s) for s in variables], "shape": list(y.shape), "output": numbers(y),
        "gradients": [numbers(g) for g in grads],
    })


def first(x):  # channels last to first
    return x.movedim(-1, 1)


def last(x):
    return x.movedim(1, -1)


# Dense and embeddings.
case("dense relu", [(3, 4)], [(4, 5), (5,)], lambda x, w: F.linear(x[0], w[0].T, w[1]).relu())
case("dense on sequences", [(2, 3, 4)], [(4, 5), (5,)],
     lambda x, w: torch.tanh(F.linear(x[0], w[0].T, w[1])))
case("dense softmax", [(3, 4)], [(4, 5)], lambda x, w: F.linear(x[0], w[0].T).softmax(-1))
case("embedding", [(3, 4)], [(6, 3)], lambda x, w: F.embedding(x[0], w[0]), words=6)
case("embedding bag sum", [(3, 4)], [(6, 3)],
     lambda x, w: F.embedding_bag(x[0], w[0], mode="sum"), words=6)
case("embedding bag mean", [(3, 4)], [(6, 3)],
     lambda x, w: F.embedding_bag(x[0], w[0], mode="mean"), words=6)
case("embedding bag mean without padding", [(3, 4)], [(6, 3)],
     lambda x, w: F.embedding_bag(x[0], w[0], mode="mean", padding_idx=0), words=6)


def weighted_bag(x, w):
    # PyTorch has no gradient of its second kind for weights of 2 axes in f64; by its parts.
    return (F.embedding(x[0], w[0]) * x[1].unsqueeze(-1)).sum(1)


case("embedding bag weighted", [(3, 4), (3, 4)], [(6, 3)], weighted_bag, words=6)


# Convolutions: Keras' kernels are [window..., in, out].
def kernel_of(w):
    return w.movedim(-1, 0).movedim(-1, 1)


case("conv1d", [(2, 7, 3)], [(3, 3, 4), (4,)],
     lambda x, w: last(F.conv1d(first(x[0]), kernel_of(w[0]), w[1], stride=2)))
case("conv1d causal", [(2, 6, 3)], [(3, 3, 4), (4,)],
     lambda x, w: last(F.conv1d(F.pad(first(x[0]), (4, 0)), kernel_of(w[0]), w[1], dilation=2)))
case("conv3d", [(1, 4, 3, 4, 2)], [(2, 2, 3, 2, 3), (3,)],
     lambda x, w: last(F.conv3d(first(x[0]), kernel_of(w[0]), w[1])))
# Keras' transposed kernels are [window..., out, in], PyTorch's [in, out, window...].
case("conv1d transposed", [(2, 4, 3)], [(3, 5, 3), (5,)],
     lambda x, w: last(F.conv_transpose1d(first(x[0]), w[0].permute(2, 1, 0), w[1], stride=2)))
case("conv3d transposed", [(1, 2, 3, 2, 2)], [(2, 2, 2, 3, 2), (3,)],
     lambda x, w: last(F.conv_transpose3d(first(x[0]), w[0].permute(4, 3, 0, 1, 2), w[1],
                                          stride=2)))
case("depthwise conv1d", [(2, 6, 3)], [(3, 3, 2), (6,)],
     lambda x, w: last(F.conv1d(first(x[0]), w[0].permute(1, 2, 0).reshape(6, 1, 3), w[1],
                                groups=3)))
case("separable conv1d", [(2, 6, 3)], [(3, 3, 2), (1, 6, 4), (4,)],
     lambda x, w: last(F.conv1d(F.conv1d(first(x[0]), w[0].permute(1, 2, 0).reshape(6, 1, 3),
                                         groups=3), kernel_of(w[1]), w[2])))

# Pooling.
POOL = {1: (F.max_pool1d, F.avg_pool1d), 2: (F.max_pool2d, F.avg_pool2d),
        3: (F.max_pool3d, F.avg_pool3d)}
for rank in (1, 2, 3):
    shape = (2,) + (5, 6, 4)[:rank] + (3,)
    for kind, f in zip(("max", "average"), POOL[rank]):
        case("%s pooling %dd" % (kind, rank), [shape], [], lambda x, w: last(f(first(x[0]), 2)))
        axes = tuple(range(1, rank + 1))
        reduce = (lambda t: t.amax(axes)) if kind == "max" else (lambda t: t.mean(axes))
        case("global %s pooling %dd" % (kind, rank), [shape], [], lambda x, w: reduce(x[0]))

# Shapes and merges.
case("reshape", [(2, 6)], [], lambda x, w: x[0].reshape(2, 3, 2))
case("permute", [(2, 3, 4)], [], lambda x, w: x[0].permute(0, 2, 1))
case("flatten", [(2, 3, 4)], [], lambda x, w: x[0].flatten(1))
case("repeat vector", [(2, 3)], [], lambda x, w: x[0].unsqueeze(1).repeat(1, 4, 1))
case("zero padding 1d", [(2, 3, 2)], [], lambda x, w: F.pad(x[0], (0, 0, 1, 2)))
case("zero padding 2d", [(2, 3, 2, 2)], [], lambda x, w: F.pad(x[0], (0, 0, 2, 2, 1, 1)))
case("cropping 1d", [(2, 5, 2)], [], lambda x, w: x[0][:, 1:3])
case("cropping 2d", [(2, 5, 4, 2)], [], lambda x, w: x[0][:, 1:4, 2:3])
case("up sampling 1d", [(2, 3, 2)], [], lambda x, w: x[0].repeat_interleave(3, 1))
case("up sampling 2d", [(2, 3, 2, 2)], [],
     lambda x, w: x[0].repeat_interleave(2, 1).repeat_interleave(3, 2))
PAIR = [(2, 3), (2, 3)]
case("add", PAIR + [(2, 3)], [], lambda x, w: x[0] + x[1] + x[2])
case("subtract", PAIR, [], lambda x, w: x[0] - x[1])
case("multiply", PAIR, [], lambda x, w: x[0] * x[1])
case("average", PAIR + [(2, 3)], [], lambda x, w: (x[0] + x[1] + x[2]) / 3)
case("maximum", PAIR, [], lambda x, w: torch.maximum(x[0], x[1]))
case("minimum", PAIR, [], lambda x, w: torch.minimum(x[0], x[1]))
case("concatenate", [(2, 3, 2), (2, 1, 2)], [], lambda x, w: torch.cat(x, 1))
case("dot", [(2, 3, 4), (2, 3, 5)], [], lambda x, w: torch.einsum("bca,bcd->bad", x[0], x[1]))
case("dot normalized", [(2, 4), (2, 4)], [],
     lambda x, w: F.cosine_similarity(x[0], x[1]).unsqueeze(1))


# Recurrent layers. Keras' kernels are [inputs, gates * units].
def module(cls, order, variables, units, two_biases):
    """PyTorch's functional form with Keras' variables, gates taken in `order`."""
    kernel, recurrent, bias = variables

    def gates(t):  # along the last axis
        parts = t.split(units, -1)
        return torch.cat([parts[g] for g in order], -1)

    biases = (gates(bias[0]), gates(bias[1])) if two_biases else (
        gates(bias), torch.zeros_like(bias))
    return [gates(kernel).T, gates(recurrent).T, biases[0], biases[1]]


def recurrent(kind, x, variables, units, bidirectional=()):
    order = {"rnn": [0], "lstm": [0, 1, 2, 3], "gru": [1, 0, 2]}[kind]
    flat = module(None, order, variables, units, kind == "gru")
    if bidirectional:
        flat += module(None, order, bidirectional, units, kind == "gru")
    directions = 2 if bidirectional else 1
    h = torch.zeros(directions, x.shape[0], units, dtype=torch.float64)
    # batch_first, bias, one layer, no dropout, not training
    tail = (True, 1, 0.0, False, bool(bidirectional), True)
    if kind == "lstm":
        return torch._VF.lstm(x, (h, h), flat, *tail)[0]
    f = torch._VF.gru if kind == "gru" else torch._VF.rnn_tanh
    return f(x, h, flat, *tail)[0]


def shapes(kind, n, units):
    gates = {"rnn": 1, "lstm": 4, "gru": 3}[kind]
    bias = (2, gates * units) if kind == "gru" else (gates * units,)
    return [(n, gates * units), (units, gates * units), bias]


for kind in ("rnn", "lstm", "gru"):
    case(kind, [(2, 4, 3)], shapes(kind, 3, 2),
         lambda x, w: recurrent(kind, x[0], w, 2)[:, -1])
    case(kind + " sequences", [(2, 4, 3)], shapes(kind, 3, 2),
         lambda x, w: recurrent(kind, x[0], w, 2))
    case(kind + " bidirectional", [(2, 4, 3)], shapes(kind, 3, 2) * 2,
         lambda x, w: recurrent(kind, x[0], w[:3], 2, w[3:]))


# Attention: Keras' variables query, key, value, output, each a kernel and a bias.
def attention(x, w, causal=False, mask=None):
    q = torch.einsum("btd,dhk->bhtk", x[0], w[0]) + w[1][:, None]
    k = torch.einsum("btd,dhk->bhtk", x[1], w[2]) + w[3][:, None]
    v = torch.einsum("btd,dhk->bhtk", x[1], w[4]) + w[5][:, None]
    scores = q @ k.transpose(-1, -2) / np.sqrt(q.shape[-1])
    if causal:
        scores = scores.masked_fill(~torch.ones(scores.shape[-2:], dtype=bool).tril(), -1e9)
    y = scores.softmax(-1) @ v
    return torch.einsum("bhtk,hko->bto", y, w[6]) + w[7]


ATTENTION = [(4, 2, 3), (2, 3), (5, 2, 3), (2, 3), (5, 2, 3), (2, 3), (2, 3, 4), (4,)]
case("multi-head attention", [(2, 3, 4), (2, 6, 5)], ATTENTION, attention)
case("causal attention", [(2, 6, 4), (2, 6, 5)], ATTENTION,
     lambda x, w: attention(x, w, causal=True))


def torch_attention(x, w):
    """The same by torch.nn.MultiheadAttention, a second opinion on the formula above."""
    m = torch.nn.functional.multi_head_attention_forward
    size, heads = 4, 2
    flat = lambda t: t.reshape(size, size).T
    y, _ = m(x[0].transpose(0, 1), x[1].transpose(0, 1), x[1].transpose(0, 1), size, heads,
             torch.cat([flat(w[0]), flat(w[2]), flat(w[4])]),
             torch.cat([w[1].flatten(), w[3].flatten(), w[5].flatten()]), None, None, False, 0.0,
             flat(w[6]), w[7], training=False, need_weights=False)
    return y.transpose(0, 1)


case("torch's attention", [(2, 3, 4), (2, 5, 4)],
     [(4, 2, 2), (2, 2), (4, 2, 2), (2, 2), (4, 2, 2), (2, 2), (2, 2, 4), (4,)], torch_attention)

# Normalizations.
case("layer normalization", [(2, 3, 4)], [(4,), (4,)],
     lambda x, w: F.layer_norm(x[0], (4,), w[0], w[1], 1e-3))
case("group normalization", [(2, 3, 6)], [(6,), (6,)],
     lambda x, w: last(F.group_norm(first(x[0]), 3, w[0], w[1], 1e-3)))
case("batch normalization in training", [(4, 3, 2)], [(2,), (2,)],
     lambda x, w: last(F.batch_norm(first(x[0]), None, None, w[0], w[1], training=True, eps=1e-3)))

print(json.dumps({"source": "PyTorch " + torch.__version__, "cases": CASES})
      .replace('{"name"', '\n{"name"'))
