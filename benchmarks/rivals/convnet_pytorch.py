#!/usr/bin/python3
"""Times PyTorch on the work of //benchmarks:convnet; prints the median seconds of each row.

A convolutional network on 28x28 images (convolution 3x3 to 32 maps, relu, pooling 2x2, convolution
3x3 to 64 maps, relu, pooling 2x2, dense 10), batch 128: the forward pass, and a training step with
cross-entropy and Adam, in PyTorch's two memory formats and with its two forms of Adam. The fastest
variant is the one to compare with; the last line of each row repeats it as `best`.

    /usr/bin/python3 benchmarks/rivals/convnet_pytorch.py [--threads=2] [--seconds=3]
"""

import argparse
import statistics
import time

import torch
import torch.nn.functional as F
from torch import nn


def network():
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Conv2d(1, 32, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(1600, 10),
    )


def median_seconds(step, seconds):
    for _ in range(3):
        step()
    times = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < 5:
        begin = time.perf_counter()
        step()
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


def forward(memory_format):
    model = network().eval().to(memory_format=memory_format)
    x = torch.rand(128, 1, 28, 28).to(memory_format=memory_format)

    def step():
        with torch.no_grad():
            torch.softmax(model(x), 1)

    return step


def train_step(memory_format, foreach):
    model = network().to(memory_format=memory_format)
    optimizer = torch.optim.Adam(model.parameters(), eps=1e-7, foreach=foreach)
    x = torch.rand(128, 1, 28, 28).to(memory_format=memory_format)
    y = torch.arange(128) % 10

    def step():
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()

    return step


def steps():
    """(row, variant, step) of every way to do the work."""
    formats = {"nchw": torch.contiguous_format, "nhwc": torch.channels_last}
    for name, f in formats.items():
        yield "convnet/forward", name, forward(f)
    for name, f in formats.items():
        for foreach in (False, True):
            yield "convnet/train_step", f"{name},foreach={foreach}", train_step(f, foreach)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=3, help="measured for each variant")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    medians = {}
    for row, variant, step in steps():
        seconds = median_seconds(step, args.seconds)
        print(f"{row} {variant} {seconds:.6f}", flush=True)
        medians.setdefault(row, []).append(seconds)
    for row, seconds in medians.items():
        print(f"{row} best {min(seconds):.6f}")


if __name__ == "__main__":
    main()
