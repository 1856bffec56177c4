"""Writes spatial_torch.json: convolutions, pooling and normalizations as PyTorch computes them.

Operands are not stored: element i of operand k is sin(1.3 i + 0.7 k + 0.4), here and in the test.
Each case has the results, and the gradients of sum(result * cotangent), with the cotangent made as
an operand numbered 9.

Run: /usr/bin/python3 tests/golden/spatial_torch.py > tests/golden/spatial_torch.json
"""

import json

import numpy as np
import torch
import torch.nn.functional as F


def operand(k, shape, dtype=np.float64):
    n = int(np.prod(shape))
    return torch.tensor(np.sin(1.3 * np.arange(n) + 0.7 * k + 0.4).reshape(shape).astype(dtype))


def numbers(t):
    return [float("%.15g" % v) for v in t.detach().double().flatten().tolist()]


CASES = []


def case(function, shapes, compute, **attrs):
    xs = [operand(k, s).requires_grad_() for k, s in enumerate(shapes)]
    y = compute(*xs)
    grads = torch.autograd.grad((y * operand(9, y.shape)).sum(), xs)
    CASES.append({
        "function": function, "shapes": [list(s) for s in shapes], "attrs": attrs,
        "shape": list(y.shape), "result": numbers(y), "gradients": [numbers(g) for g in grads],
    })


def conv(shapes, strides, pads, dilations, groups):
    f = {3: F.conv1d, 4: F.conv2d, 5: F.conv3d}[len(shapes[0])]
    case("conv", shapes, lambda *a: f(*a, stride=strides, padding=pads, dilation=dilations,
                                      groups=groups),
         strides=strides, pads=pads, dilations=dilations, groups=groups)


def conv_transpose(shapes, strides, pads, output_padding, dilations, groups):
    f = {3: F.conv_transpose1d, 4: F.conv_transpose2d, 5: F.conv_transpose3d}[len(shapes[0])]
    case("conv_transpose", shapes,
         lambda *a: f(*a, stride=strides, padding=pads, output_padding=output_padding,
                      dilation=dilations, groups=groups),
         strides=strides, pads=pads, output_padding=output_padding, dilations=dilations,
         groups=groups)


conv([(2, 3, 6, 5), (4, 3, 3, 2), (4,)], [2, 1], [1, 0], [1, 2], 1)
conv([(2, 4, 5, 5), (6, 2, 3, 3), (6,)], [1, 1], [1, 1], [1, 1], 2)
conv([(1, 2, 7), (3, 2, 3)], [2], [2], [2], 1)
conv([(1, 2, 3, 4, 5), (2, 2, 2, 2, 3)], [1, 2, 1], [1, 0, 1], [1, 1, 1], 1)
conv_transpose([(2, 4, 3, 3), (4, 3, 3, 2)], [2, 3], [1, 0], [1, 2], [1, 1], 1)
conv_transpose([(1, 4, 4), (4, 3, 3)], [2], [1], [1], [2], 2)
conv_transpose([(1, 2, 2, 3, 2), (2, 2, 2, 2, 2)], [2, 1, 2], [0, 1, 1], [1, 0, 0], [1, 1, 1], 1)


def max_pool(shape, kernel, strides, pads, dilations, ceil_mode):
    f = {3: F.max_pool1d, 4: F.max_pool2d, 5: F.max_pool3d}[len(shape)]
    case("max_pool", [shape], lambda x: f(x, kernel, stride=strides, padding=pads,
                                          dilation=dilations, ceil_mode=ceil_mode),
         kernel=kernel, strides=strides, pads=pads, dilations=dilations, ceil_mode=ceil_mode)


def average_pool(shape, kernel, strides, pads, ceil_mode, count_include_pad):
    f = {3: F.avg_pool1d, 4: F.avg_pool2d, 5: F.avg_pool3d}[len(shape)]
    case("average_pool", [shape],
         lambda x: f(x, kernel, stride=strides, padding=pads, ceil_mode=ceil_mode,
                     count_include_pad=count_include_pad),
         kernel=kernel, strides=strides, pads=pads, ceil_mode=ceil_mode,
         count_include_pad=count_include_pad)


max_pool((2, 3, 6, 7), [3, 2], [2, 2], [1, 1], [1, 1], False)
max_pool((2, 3, 6, 7), [3, 2], [2, 2], [1, 0], [2, 1], True)
max_pool((2, 3, 9), [2], [3], [0], [1], True)
max_pool((1, 2, 4, 5, 4), [2, 3, 2], [1, 2, 2], [0, 1, 0], [1, 1, 1], False)
for ceil_mode in (False, True):
    for count_include_pad in (False, True):
        average_pool((2, 2, 6, 7), [3, 3], [2, 3], [1, 1], ceil_mode, count_include_pad)
average_pool((1, 2, 4, 5, 4), [2, 3, 2], [1, 2, 2], [0, 1, 0], False, False)
case("lp_pool", [(1, 2, 5, 6)], lambda x: F.lp_pool2d(x.abs(), 3, [2, 3], stride=[1, 2]),
     kernel=[2, 3], strides=[1, 2], p=3.0)
case("adaptive_average_pool", [(1, 2, 7, 6)], lambda x: F.adaptive_avg_pool2d(x, [3, 4]),
     extents=[3, 4])
case("adaptive_max_pool", [(1, 2, 7, 6)], lambda x: F.adaptive_max_pool2d(x, [3, 4]),
     extents=[3, 4])
case("max_unpool", [(1, 2, 6, 6)],
     lambda x: F.max_unpool2d(*F.max_pool2d(x, 2, return_indices=True), 2), kernel=[2, 2])



def resize(shape, sizes, mode, align_corners):
    options = {} if mode == "nearest" else {"align_corners": align_corners}
    torch_mode = {(3, "linear"): "linear", (4, "linear"): "bilinear", (5, "linear"): "trilinear",
                  (4, "cubic"): "bicubic"}.get((len(shape), mode), mode)
    case("resize", [shape], lambda x: F.interpolate(x, sizes, mode=torch_mode, **options),
         sizes=sizes, mode=mode, align_corners=align_corners)


resize((1, 2, 4, 5), [7, 3], "nearest", False)
for corners in (False, True):
    resize((1, 2, 4, 5), [7, 3], "linear", corners)
    resize((1, 2, 4, 5), [6, 9], "cubic", corners)
    resize((2, 1, 5), [8], "linear", corners)
    resize((1, 1, 2, 3, 4), [3, 5, 2], "linear", corners)
for mode in ("nearest", "bilinear", "bicubic"):
    for padding in ("zeros", "border", "reflection"):
        for corners in (False, True):
            case("grid_sample", [(2, 2, 4, 5), (2, 2, 3, 2)],
                 lambda x, g: F.grid_sample(x, 1.3 * g, mode=mode, padding_mode=padding,
                                            align_corners=corners),
                 mode=mode, padding=padding, align_corners=corners)
case("unfold", [(2, 2, 5, 4)], lambda x: F.unfold(x, (2, 3), dilation=(2, 1), padding=(1, 0),
                                                  stride=(1, 2)),
     kernel=[2, 3], dilations=[2, 1], pads=[1, 0], strides=[1, 2])
case("fold", [(2, 12, 8)], lambda x: F.fold(x, (5, 4), (2, 3), padding=(0, 1), stride=(1, 2)),
     kernel=[2, 3], pads=[0, 1], strides=[1, 2], extents=[5, 4])

LAYERS = {}


def step(layer, x, parameters):
    """The output in training and what one step of gradient descent with rate 0.1 on the mean square
    distance to operand 8 makes of the parameters."""
    y = layer(x)
    loss = ((y - operand(8, y.shape, np.float32))**2).mean()
    grads = torch.autograd.grad(loss, parameters)
    return {"shape": list(x.shape), "output": numbers(y), "loss": float(loss),
            "parameters": [numbers(p - 0.1 * g) for p, g in zip(parameters, grads)]}


def batch_norm():
    x = operand(0, (4, 3, 5, 2), np.float32)  # channels last
    gamma = operand(1, (2,), np.float32).requires_grad_()
    beta = operand(2, (2,), np.float32).requires_grad_()

    def layer(x):
        y = F.batch_norm(x.permute(0, 3, 1, 2), None, None, gamma, beta, training=True, eps=1e-3)
        return y.permute(0, 2, 3, 1)

    LAYERS["batch_normalization"] = step(layer, x, [gamma, beta])
    LAYERS["batch_normalization"]["moving_mean"] = numbers(0.01 * x.mean((0, 1, 2)))
    LAYERS["batch_normalization"]["moving_variance"] = numbers(
        0.99 + 0.01 * x.var((0, 1, 2), unbiased=False))


def layer_norm():
    x = operand(0, (4, 3, 6), np.float32)
    gamma = operand(1, (6,), np.float32).requires_grad_()
    beta = operand(2, (6,), np.float32).requires_grad_()
    LAYERS["layer_normalization"] = step(
        lambda x: F.layer_norm(x, (6,), gamma, beta, eps=1e-3), x, [gamma, beta])


def group_norm():
    x = operand(0, (2, 6, 3, 2), np.float32)  # channels first
    gamma = operand(1, (6,), np.float32).requires_grad_()
    beta = operand(2, (6,), np.float32).requires_grad_()
    LAYERS["group_normalization"] = step(
        lambda x: F.group_norm(x, 3, gamma, beta, eps=1e-3), x, [gamma, beta])


def keras_same(extent, kernel, stride):
    """Pads before and after of Keras' padding 'same'."""
    total = max((-(-extent // stride) - 1) * stride + kernel - extent, 0)
    return total // 2, total - total // 2


def last(y):
    return y.permute(0, 2, 3, 1)


def conv_layers():
    x = operand(0, (2, 7, 6, 3), np.float32)
    first = x.permute(0, 3, 1, 2)
    top, bottom = keras_same(7, 3, 2)
    left, right = keras_same(6, 3, 2)
    padded = F.pad(first, (left, right, top, bottom))

    kernel = operand(1, (3, 3, 3, 4), np.float32).requires_grad_()
    bias = operand(2, (4,), np.float32).requires_grad_()
    LAYERS["conv"] = step(
        lambda x: last(F.conv2d(padded, kernel.permute(3, 2, 0, 1), bias, stride=2)), x,
        [kernel, bias])

    deep = operand(1, (3, 3, 3, 2), np.float32).requires_grad_()
    deep_bias = operand(2, (6,), np.float32).requires_grad_()
    LAYERS["depthwise"] = step(
        lambda x: last(F.conv2d(padded, deep.permute(2, 3, 0, 1).reshape(6, 1, 3, 3), deep_bias,
                                stride=2, groups=3)), x, [deep, deep_bias])

    point = operand(2, (1, 1, 6, 4), np.float32).requires_grad_()
    bias = operand(3, (4,), np.float32).requires_grad_()
    LAYERS["separable"] = step(
        lambda x: last(F.conv2d(
            F.conv2d(padded, deep.permute(2, 3, 0, 1).reshape(6, 1, 3, 3), stride=2, groups=3),
            point.permute(3, 2, 0, 1), bias)), x, [deep, point, bias])

    # Keras' transposed convolution with padding 'same' and stride 2 has twice the extent: one
    # element less than all of it, which goes at the end.
    kernel = operand(1, (3, 3, 4, 3), np.float32).requires_grad_()
    bias = operand(2, (4,), np.float32).requires_grad_()
    LAYERS["transposed"] = step(
        lambda x: last(F.conv_transpose2d(first, kernel.permute(3, 2, 0, 1), bias,
                                          stride=2)[:, :, :14, :12]), x, [kernel, bias])


batch_norm()
layer_norm()
group_norm()
conv_layers()
print(json.dumps({"cases": CASES, "layers": LAYERS}))
