"""Trains the project's small vision network and its tiny one on Fashion-MNIST, with numpy alone.

The forward passes here share no code with any runtime that is measured: in float64 they are the reference outputs of
the bundle. Trained weights are kept in a file named by the hash of this recipe and of the data, so that only the
first bundle on a machine pays for the training (about a minute of one core).

Network "fashion": x[n,1,28,28] -> conv 3x3 (16) -> relu -> max pool 2 -> conv 3x3 (24) -> relu -> max pool 2 ->
matmul 64 -> relu -> matmul 10 -> logits[n,10]. "fashion-tiny": one matmul of the 784 pixels.
"""

import gzip
import hashlib
import os
import struct

import numpy as np

FILES = {  # of Debian's dataset-fashion-mnist 0.0~git20200523.55506a9-1
    "images": "train-images-idx3-ubyte.gz", "labels": "train-labels-idx1-ubyte.gz",
    "test_images": "t10k-images-idx3-ubyte.gz", "test_labels": "t10k-labels-idx1-ubyte.gz",
}
SEED, BATCH, EPOCHS = 6, 100, 3
CONV1, CONV2, HIDDEN = 16, 24, 64


def read_idx(path):
    """An array of the IDX format: two zero bytes, type 8 (bytes), rank, dimensions, bytes."""
    with gzip.open(path, "rb") as file:
        data = file.read()
    zero, kind, rank = struct.unpack(">HBB", data[:4])
    if (zero, kind) != (0, 8) or not 1 <= rank <= 3:
        raise ValueError(f"{path}: not an IDX file of bytes")
    dims = struct.unpack(f">{rank}I", data[4:4 + 4 * rank])
    return np.frombuffer(data, np.uint8, offset=4 + 4 * rank).reshape(dims)


def load(folder):
    arrays = {name: read_idx(os.path.join(folder, file)) for name, file in FILES.items()}
    for name in ("images", "test_images"):
        arrays[name] = (arrays[name].astype(np.float32) / 255).reshape(-1, 1, 28, 28)
    for name in ("labels", "test_labels"):
        arrays[name] = arrays[name].astype(np.int64)
    return arrays


def patches(x):
    """[n, c, h, w] -> [n, h, w, c * 9] of 3x3 windows with zero padding."""
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))
    return windows.transpose(0, 2, 3, 1, 4, 5).reshape(x.shape[0], x.shape[2], x.shape[3], -1)


def convolve(x, weight, bias):
    cols = patches(x)
    out = cols @ weight.reshape(weight.shape[0], -1).T + bias
    return out.transpose(0, 3, 1, 2), cols


def pool(x):
    n, c, h, w = x.shape
    blocks = x.reshape(n, c, h // 2, 2, w // 2, 2)
    return blocks.max(axis=(3, 5)), blocks


def forward(w, x, keep=None):
    """Logits of network "fashion". Computes in the type of the weights."""
    a1, c1 = convolve(x, w["conv1.weight"], w["conv1.bias"])
    p1, b1 = pool(np.maximum(a1, 0))
    a2, c2 = convolve(p1, w["conv2.weight"], w["conv2.bias"])
    p2, b2 = pool(np.maximum(a2, 0))
    flat = p2.reshape(len(x), -1)
    a3 = flat @ w["fc1.weight"] + w["fc1.bias"]
    h = np.maximum(a3, 0)
    if keep is not None:
        keep.update(c1=c1, p1=p1, b1=b1, c2=c2, p2=p2, b2=b2, flat=flat, a3=a3, h=h)
    return h @ w["fc2.weight"] + w["fc2.bias"]


def forward_tiny(w, x):
    return x.reshape(len(x), -1) @ w["fc.weight"] + w["fc.bias"]


def unpool(grad, blocks, pooled):
    """Gradient through relu and max pool: to each block's greatest element, where that is positive."""
    wins = (blocks == pooled[:, :, :, None, :, None]) & (blocks > 0)
    share = wins / np.maximum(wins.sum(axis=(3, 5), keepdims=True), 1)
    n, c, h, _, w, _ = blocks.shape
    return (share * grad[:, :, :, None, :, None]).reshape(n, c, 2 * h, 2 * w).astype(np.float32)


def fold(cols, shape):
    """Sum of 3x3 windows back to the image: the transpose of `patches`."""
    n, c, h, w = shape
    windows = cols.reshape(n, h, w, c, 3, 3)
    out = np.zeros((n, c, h + 2, w + 2), np.float32)
    for i in range(3):
        for k in range(3):
            out[:, :, i:i + h, k:k + w] += windows[:, :, :, :, i, k].transpose(0, 3, 1, 2)
    return out[:, :, 1:-1, 1:-1]


def gradients(w, x, labels):
    kept = {}
    logits = forward(w, x, kept)
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    p[np.arange(len(x)), labels] -= 1
    d = p / len(x)
    g = {"fc2.weight": kept["h"].T @ d, "fc2.bias": d.sum(axis=0)}
    d = (d @ w["fc2.weight"].T) * (kept["a3"] > 0)
    g["fc1.weight"], g["fc1.bias"] = kept["flat"].T @ d, d.sum(axis=0)
    d = unpool((d @ w["fc1.weight"].T).reshape(kept["p2"].shape), kept["b2"], kept["p2"])
    rows = d.transpose(0, 2, 3, 1).reshape(-1, CONV2)
    g["conv2.weight"] = (rows.T @ kept["c2"].reshape(len(rows), -1)).reshape(w["conv2.weight"].shape)
    g["conv2.bias"] = rows.sum(axis=0)
    d = fold(rows @ w["conv2.weight"].reshape(CONV2, -1), kept["p1"].shape)
    d = unpool(d, kept["b1"], kept["p1"])
    rows = d.transpose(0, 2, 3, 1).reshape(-1, CONV1)
    g["conv1.weight"] = (rows.T @ kept["c1"].reshape(len(rows), -1)).reshape(w["conv1.weight"].shape)
    g["conv1.bias"] = rows.sum(axis=0)
    return g


def gradients_tiny(w, x, labels):
    logits = forward_tiny(w, x)
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    p[np.arange(len(x)), labels] -= 1
    d = p / len(x)
    return {"fc.weight": x.reshape(len(x), -1).T @ d, "fc.bias": d.sum(axis=0)}


def initial(shapes, random):
    weights = {}
    for name, shape in shapes.items():
        fan_in = np.prod(shape[1:]) if len(shape) == 4 else shape[0]
        scale = 0 if len(shape) == 1 else np.sqrt(2 / fan_in)
        weights[name] = (random.standard_normal(shape) * scale).astype(np.float32)
    return weights


def train(shapes, slope, images, labels, epochs, rate):
    """Adam with a linear fall of the rate to a tenth."""
    random = np.random.default_rng(SEED)
    w = initial(shapes, random)
    m, v = ({k: np.zeros_like(a) for k, a in w.items()} for _ in range(2))
    steps, step = epochs * (len(images) // BATCH), 0
    for _ in range(epochs):
        order = random.permutation(len(images))
        for begin in range(0, len(images) - BATCH + 1, BATCH):
            chosen = order[begin:begin + BATCH]
            step += 1
            now = rate * (1 - 0.9 * step / steps)
            for name, g in slope(w, images[chosen], labels[chosen]).items():
                m[name] = 0.9 * m[name] + 0.1 * g
                v[name] = 0.999 * v[name] + 0.001 * g * g
                w[name] = (w[name] - now * (m[name] / (1 - 0.9 ** step)) /
                           (np.sqrt(v[name] / (1 - 0.999 ** step)) + 1e-8)).astype(np.float32)
    return w


SHAPES = {"conv1.weight": (CONV1, 1, 3, 3), "conv1.bias": (CONV1,), "conv2.weight": (CONV2, CONV1, 3, 3),
          "conv2.bias": (CONV2,), "fc1.weight": (CONV2 * 49, HIDDEN), "fc1.bias": (HIDDEN,),
          "fc2.weight": (HIDDEN, 10), "fc2.bias": (10,)}
SHAPES_TINY = {"fc.weight": (784, 10), "fc.bias": (10,)}


def accuracy(logits, labels):
    return float((logits.argmax(axis=1) == labels).mean())


def weights(folder, cache):
    """(network, tiny): trained now, or as an earlier call of the same recipe left them in `cache`."""
    key = hashlib.sha256()
    for path in [os.path.abspath(__file__)] + [os.path.join(folder, name) for name in sorted(FILES.values())]:
        with open(path, "rb") as file:
            key.update(hashlib.sha256(file.read()).digest())
    path = os.path.join(cache, f"fashion-{key.hexdigest()[:16]}.npz")
    try:
        with np.load(path) as stored:
            both = {name: stored[name] for name in stored.files}
    except (OSError, ValueError):
        data = load(folder)
        both = train(SHAPES, gradients, data["images"], data["labels"], EPOCHS, 2e-3)
        both.update(train(SHAPES_TINY, gradients_tiny, data["images"], data["labels"], 4, 1e-3))
        os.makedirs(cache, exist_ok=True)
        temporary = f"{path}.{os.getpid()}.npz"
        np.savez(temporary, **both)
        os.replace(temporary, path)
    return {name: both[name] for name in SHAPES}, {name: both[name] for name in SHAPES_TINY}
