"""Products, dense layers, memory-bound ops and recurrent layers in PyTorch, for compare_pytorch.py.

Each work is a generator of (name, variant, step): `name` is that of our benchmark of the same work,
`step` a function to time. Where a work can be written in more than one way, each way is a variant.
"""

import torch
import torch.nn.functional as F

# benchmarks/shapes.h: m, k, n, transposed a, transposed b.
PRODUCTS = [(n, n, n, False, False) for n in (64, 128, 256, 512, 1024, 2048)] + [
    (512, 512, 512, False, True),
    (512, 512, 512, True, False),
    (512, 10000, 16, False, False),
    (10000, 512, 16, True, False),
    (512, 16, 16, False, False),
    (1, 1024, 1024, False, False),
]

# batch, in, out.
LAYERS = [
    (512, 10000, 16),
    (512, 16, 16),
    (128, 784, 512),
    (128, 512, 512),
    (32, 1024, 1024),
    (1, 1024, 1024),
]


def matmul():
    for m, k, n, ta, tb in PRODUCTS:
        a = torch.randn((k, m) if ta else (m, k))
        b = torch.randn((n, k) if tb else (k, n))
        a, b = (a.t() if ta else a), (b.t() if tb else b)
        out = torch.empty(m, n)
        name = f"matmul/{m}x{k}{'^T' if ta else ''}x{n}{'^T' if tb else ''}"
        yield name, "mm", lambda a=a, b=b, out=out: torch.mm(a, b, out=out)


def dense():
    for batch, inputs, outputs in LAYERS:
        x = torch.randn(batch, inputs, requires_grad=True)
        w = torch.randn(outputs, inputs, requires_grad=True)
        b = torch.randn(outputs, requires_grad=True)
        dy = torch.randn(batch, outputs)
        name = f"dense/{batch}x{inputs}x{outputs}"

        def forward(x=x, w=w, b=b):
            with torch.no_grad():
                F.relu_(F.linear(x, w, b))

        def both(x=x, w=w, b=b, dy=dy):
            torch.autograd.grad(F.relu_(F.linear(x, w, b)), (x, w, b), dy)

        yield f"{name}/forward", "linear", forward
        yield f"{name}/forward_backward", "linear", both


def lstm():
    layer = torch.nn.LSTM(64, 64)
    x = torch.randn(100, 32, 64, requires_grad=True)
    dy = torch.randn(100, 32, 64)
    parameters = [x, *layer.parameters()]

    def forward():
        with torch.no_grad():
            layer(x)

    yield "lstm/32x100x64x64/forward", "LSTM", forward
    yield (
        "lstm/32x100x64x64/forward_backward",
        "LSTM",
        lambda: torch.autograd.grad(layer(x)[0], parameters, dy),
    )


def bandwidth():
    million, side = 1000000, 4096

    def chain(x, y):
        return torch.relu(x * 0.5 + y) * x - 0.25

    def without_gradient(function, *operands):
        def step():
            with torch.no_grad():
                function(*operands)

        return step

    for name, shape in {"1000000": (million,), "4096x4096": (side, side)}.items():
        x, y = torch.randn(shape), torch.randn(shape)
        yield f"bandwidth/chain/{name}", "eager", without_gradient(chain, x, y)
    x = torch.randn(side, side)
    yield "bandwidth/tanh/4096x4096", "eager", without_gradient(torch.tanh, x)
    for axis in (0, 1):
        sum_axis = lambda x, axis=axis: x.sum(axis)
        yield f"bandwidth/sum/4096x4096/axis{axis}", "eager", without_gradient(sum_axis, x)
    softmax = lambda x: torch.softmax(x, 1)
    for rows in (512, 16384):
        x = torch.randn(rows, 1000)
        yield f"bandwidth/softmax/{rows}x1000", "eager", without_gradient(softmax, x)
    x = torch.randn(16384, 1000, requires_grad=True)
    y, dy = torch.softmax(x, 1), torch.randn(16384, 1000)
    yield (
        "bandwidth/softmax_gradient/16384x1000",
        # The backward pass alone: ours computes the forward as well.
        "backward",
        lambda: torch.autograd.grad(y, x, dy, retain_graph=True),
    )
    x, gamma, beta = torch.randn(16384, 1024), torch.randn(1024), torch.randn(1024)
    norm = lambda x: F.layer_norm(x, (1024,), gamma, beta)
    yield "bandwidth/layer_norm/16384x1024", "eager", without_gradient(norm, x)
