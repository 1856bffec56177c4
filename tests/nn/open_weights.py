"""Opens weights that a model has saved, with NumPy alone, and computes what it predicts.

    open_weights.py FOLDER

reads weights.npz and weights.safetensors, which must agree, and inputs.npz with the samples "x" and
the model's predictions "y" of a network of two Dense layers; then writes weights that a NumPy user
made: scaled.npz and scaled.safetensors, all numbers doubled.
"""

import json
import struct
import sys

import numpy as np

TYPES = {"F32": np.float32, "F64": np.float64, "I64": np.int64, "U8": np.uint8}


def read_safetensors(path):
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        data = file.read()
    metadata = header.pop("__metadata__", {})
    assert all(isinstance(value, str) for value in metadata.values())
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        flat = np.frombuffer(data[begin:end], dtype=TYPES[entry["dtype"]])
        tensors[name] = flat.reshape(entry["shape"])
    assert sum(t.nbytes for t in tensors.values()) == len(data)
    return tensors


def write_safetensors(path, tensors):
    header, data = {}, b""
    for name, tensor in tensors.items():
        bytes_ = np.ascontiguousarray(tensor).tobytes()
        header[name] = {
            "dtype": "F32",
            "shape": list(tensor.shape),
            "data_offsets": [len(data), len(data) + len(bytes_)],
        }
        data += bytes_
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


def main():
    folder = sys.argv[1]
    npz = dict(np.load(folder + "/weights.npz", allow_pickle=False))
    safe = read_safetensors(folder + "/weights.safetensors")
    names = ["dense/kernel", "dense/bias", "dense_1/kernel", "dense_1/bias"]
    assert sorted(npz) == sorted(names), sorted(npz)
    assert sorted(safe) == sorted(names), sorted(safe)
    for name in names:
        assert npz[name].dtype == np.float32 and np.array_equal(npz[name], safe[name]), name
    inputs = np.load(folder + "/inputs.npz")
    hidden = np.maximum(inputs["x"] @ npz["dense/kernel"] + npz["dense/bias"], 0)
    logits = hidden @ npz["dense_1/kernel"] + npz["dense_1/bias"]
    y = 1 / (1 + np.exp(-logits))
    assert y.shape == inputs["y"].shape, (y.shape, inputs["y"].shape)
    assert np.abs(y - inputs["y"]).max() < 1e-5
    scaled = {name: npz[name] * 2 for name in names}
    np.savez(folder + "/scaled.npz", **scaled)
    write_safetensors(folder + "/scaled.safetensors", scaled)


main()
