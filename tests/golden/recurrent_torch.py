#!/usr/bin/python3
"""Writes recurrent_torch.json with PyTorch's own networks (Debian: python3-torch).

Weights are written in the layout of ONNX: w [directions, gates * units, inputs], r [directions,
gates * units, units], bias [directions, 2 * gates * units] (of w, then of r), gates in the order
i, o, f, c (LSTM) and z, r, n (GRU). Sequences are [time, batch, inputs]. The gradients are those of
sum(y * y_weights) + sum(h * h_weights) + sum(c * c_weights).

Usage: cd tests/golden && /usr/bin/python3 recurrent_torch.py
"""

import json

import numpy as np
import torch

# PyTorch's gates, i f g o and r z n, in the order of ONNX.
ORDER = {"rnn": [0], "lstm": [0, 3, 1, 2], "gru": [1, 0, 2]}
MODULES = {"rnn": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}

random = np.random.RandomState(7)


def draw(*shape):
    """f32 numbers, so that a program in f32 starts from the very same ones."""
    return random.uniform(-1, 1, shape).astype(np.float32).astype(np.float64)


def entry(array):
    array = np.asarray(array)
    return {"shape": list(array.shape), "data": array.reshape(-1).tolist()}


def reorder(array, op, units):
    """Gates along the first axis, from PyTorch's order to ONNX'."""
    return np.concatenate([array[g * units:(g + 1) * units] for g in ORDER[op]])


def to_onnx(module, op, units, directions, value):
    """value: of a parameter (its numbers, its gradient)."""
    w, r, bias = [], [], []
    for suffix in ["", "_reverse"][:directions]:
        get = lambda name: value(getattr(module, name + "_l0" + suffix)).numpy()
        w.append(reorder(get("weight_ih"), op, units))
        r.append(reorder(get("weight_hh"), op, units))
        bias.append(np.concatenate([reorder(get("bias_ih"), op, units),
                                    reorder(get("bias_hh"), op, units)]))
    return {"w": np.stack(w), "r": np.stack(r), "bias": np.stack(bias)}


def recurrent(name, op, time, batch, inputs, units, bidirectional=False, lengths=None, state=True):
    directions = 2 if bidirectional else 1
    module = MODULES[op](inputs, units, bidirectional=bidirectional).double()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.tensor(draw(*parameter.shape)))
    x = torch.tensor(draw(time, batch, inputs), requires_grad=True)
    h0 = torch.tensor(draw(directions, batch, units), requires_grad=True)
    c0 = torch.tensor(draw(directions, batch, units), requires_grad=True)
    given = x
    if lengths is not None:
        given = torch.nn.utils.rnn.pack_padded_sequence(x, lengths, enforce_sorted=False)
    start = ((h0, c0) if op == "lstm" else h0) if state else None
    y, last = module(given, start)
    if lengths is not None:
        y, _ = torch.nn.utils.rnn.pad_packed_sequence(y, total_length=time)
    h, c = last if op == "lstm" else (last, None)
    weights = {"y_weights": draw(*y.shape), "h_weights": draw(*h.shape)}
    loss = (y * torch.tensor(weights["y_weights"])).sum()
    loss = loss + (h * torch.tensor(weights["h_weights"])).sum()
    if c is not None:
        weights["c_weights"] = draw(*c.shape)
        loss = loss + (c * torch.tensor(weights["c_weights"])).sum()
    loss.backward()

    def layout(y):  # [time, batch, directions * units] to [time, directions, batch, units]
        return np.moveaxis(y.reshape(time, batch, directions, units), 2, 1)

    weights["y_weights"] = layout(weights["y_weights"])
    tensors = dict(to_onnx(module, op, units, directions, lambda p: p.detach()), x=x.detach().numpy())
    gradients = dict(to_onnx(module, op, units, directions, lambda p: p.grad), x=x.grad.numpy())
    if state:
        tensors["initial_h"], gradients["initial_h"] = h0.detach().numpy(), h0.grad.numpy()
        if op == "lstm":
            tensors["initial_c"], gradients["initial_c"] = c0.detach().numpy(), c0.grad.numpy()
    outputs = {"y": layout(y.detach().numpy()), "h": h.detach().numpy()}
    if c is not None:
        outputs["c"] = c.detach().numpy()
    entries = lambda d: {k: entry(v) for k, v in sorted(d.items())}
    return {
        "name": name, "op": op, "bidirectional": bidirectional, "lengths": lengths or [],
        "inputs": entries(tensors), "weights": entries(weights), "outputs": entries(outputs),
        "gradients": entries(gradients),
    }


def attention(name, batch, heads, queries, keys, size, mask=None, causal=False):
    """softmax(q k^T / sqrt(size) + mask) v; mask: bool, True where a key may be looked at."""
    q, k, v = (torch.tensor(draw(batch, heads, n, size), requires_grad=True)
               for n in (queries, keys, keys))
    scores = q @ k.transpose(-1, -2) / np.sqrt(size)
    if mask is not None:
        scores = scores.masked_fill(~torch.tensor(mask), -np.inf)
    if causal:
        scores = scores.masked_fill(~torch.ones(queries, keys, dtype=bool).tril(), -np.inf)
    y = torch.softmax(scores, -1) @ v
    weights = draw(*y.shape)
    (y * torch.tensor(weights)).sum().backward()
    case = {
        "name": name, "causal": causal,
        "inputs": {"q": entry(q.detach()), "k": entry(k.detach()), "v": entry(v.detach())},
        "weights": {"y_weights": entry(weights)},
        "outputs": {"y": entry(y.detach())},
        "gradients": {"q": entry(q.grad), "k": entry(k.grad), "v": entry(v.grad)},
    }
    if mask is not None:
        case["inputs"]["mask"] = entry(np.asarray(mask, np.float64))
    return case


def multi_head(name, batch, queries, keys, size, heads):
    """torch.nn.MultiheadAttention; kernels in the layout of Keras: [size, heads, size / heads] of
    query, key and value, [heads, size / heads, size] of the output."""
    module = torch.nn.MultiheadAttention(size, heads, batch_first=True).double()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.tensor(draw(*parameter.shape)))
    x = torch.tensor(draw(batch, queries, size), requires_grad=True)
    m = torch.tensor(draw(batch, keys, size), requires_grad=True)
    y, _ = module(x, m, m)
    weights = draw(*y.shape)
    (y * torch.tensor(weights)).sum().backward()

    def parameters(value):
        kernels = value(module.in_proj_weight).numpy().reshape(3, heads, size // heads, size)
        biases = value(module.in_proj_bias).numpy().reshape(3, heads, size // heads)
        out = {}
        for i, part in enumerate(["query", "key", "value"]):
            out[part + "_kernel"] = entry(np.moveaxis(kernels[i], 2, 0))
            out[part + "_bias"] = entry(biases[i])
        out["output_kernel"] = entry(
            value(module.out_proj.weight).numpy().T.reshape(heads, size // heads, size))
        out["output_bias"] = entry(value(module.out_proj.bias).numpy())
        return out

    return {
        "name": name, "heads": heads,
        "inputs": dict(parameters(lambda p: p.detach()), x=entry(x.detach()), m=entry(m.detach())),
        "weights": {"y_weights": entry(weights)},
        "outputs": {"y": entry(y.detach())},
        "gradients": dict(parameters(lambda p: p.grad), x=entry(x.grad), m=entry(m.grad)),
    }


def main():
    mask = np.ones((2, 1, 1, 5), bool)
    mask[0, :, :, 3:] = False
    golden = {
        "source": "PyTorch " + torch.__version__,
        "recurrent": [
            recurrent("rnn", "rnn", 4, 2, 2, 3),
            recurrent("rnn bidirectional", "rnn", 3, 2, 2, 3, bidirectional=True),
            recurrent("lstm", "lstm", 4, 2, 2, 3),
            recurrent("lstm without state", "lstm", 3, 2, 2, 3, state=False),
            recurrent("lstm bidirectional with lengths", "lstm", 5, 3, 2, 3, bidirectional=True,
                      lengths=[3, 5, 1]),
            recurrent("gru", "gru", 4, 2, 2, 3),
            recurrent("gru bidirectional with lengths", "gru", 5, 3, 2, 3, bidirectional=True,
                      lengths=[2, 5, 1]),
        ],
        "attention": [
            attention("plain", 2, 3, 4, 5, 6),
            attention("masked", 2, 3, 4, 5, 6, mask=mask.tolist()),
            attention("causal", 2, 2, 5, 5, 4, causal=True),
        ],
        "multi_head": [multi_head("multi-head", 2, 3, 4, 6, 3)],
    }
    with open("recurrent_torch.json", "w") as out:
        out.write(json.dumps(golden).replace('{"name"', '\n{"name"') + "\n")


main()
