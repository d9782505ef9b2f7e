"""PyTorch on one thread. Reads requests from standard input, answers on standard output; pytorch.js is at the other end.

A request is a line of JSON, behind which the arrays that it lists follow as raw bytes, in order. An answer is the same.
"""

import json
import statistics
import sys
import time

import numpy
import torch
import torch.nn.functional as F
from torch import nn

torch.set_num_threads(1)
torch.set_num_interop_threads(1)

stdin, stdout = sys.stdin.buffer, sys.stdout.buffer


class Residual(nn.Module):
    def __init__(self, body, shortcut):
        super().__init__()
        self.body, self.shortcut = body, shortcut

    def forward(self, x):
        return self.body(x) + self.shortcut(x)


class Concat(nn.Module):
    def __init__(self, branches):
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x):
        return torch.cat([branch(x) for branch in self.branches], 1)


class Positions(nn.Module):
    def __init__(self, length, width):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(length, width))

    def forward(self, x):
        return x + self.weight


class States(nn.LSTM):
    """The sequence of states, without the last ones."""

    def forward(self, x):
        return super().forward(x)[0]


class Encoder(nn.TransformerEncoderLayer):
    def __init__(self, width, heads, hidden, causal):
        super().__init__(width, heads, hidden, dropout=0.0, batch_first=True)
        self.causal = causal

    def forward(self, x):
        if not self.causal:
            return super().forward(x)
        length = x.shape[1]
        return super().forward(x, torch.full((length, length), float("-inf")).triu(1))


def sequence(layers):
    return nn.Sequential(*map(module_of, layers))


def module_of(layer):
    kind = layer["type"]
    if kind == "conv":
        return nn.Conv2d(
            layer["inC"],
            layer["outC"],
            layer["kernel"],
            stride=layer.get("stride", 1),
            padding=layer.get("padding", 0),
            groups=layer.get("groups", 1),
            bias=layer.get("bias", True),
        )
    if kind == "maxpool":
        return nn.MaxPool2d(layer["kernel"], layer["stride"], layer.get("padding", 0))
    if kind == "encoder":
        return Encoder(layer["width"], layer["heads"], layer["hidden"], layer["causal"])
    return {
        "linear": lambda: nn.Linear(layer["inF"], layer["outF"]),
        "batchnorm": lambda: nn.BatchNorm2d(layer["channels"]),
        "relu": nn.ReLU,
        "relu6": nn.ReLU6,
        "avgpool": lambda: nn.AdaptiveAvgPool2d(1),
        "flatten": nn.Flatten,
        "residual": lambda: Residual(sequence(layer["body"]), sequence(layer["shortcut"])),
        "concat": lambda: Concat([sequence(branch) for branch in layer["branches"]]),
        "embedding": lambda: nn.Embedding(layer["count"], layer["width"]),
        "positions": lambda: Positions(layer["length"], layer["width"]),
        "lstm": lambda: States(layer["inF"], layer["outF"], batch_first=True),
    }[kind]()


def load(module, weights):
    missing, unexpected = module.load_state_dict(weights, strict=False)
    missing = [key for key in missing if not key.endswith("num_batches_tracked")]
    if missing or unexpected:
        raise ValueError(f"missing {missing}, unexpected {unexpected}")
    return module


def call(fn):
    """A work whose run is one call without a gradient."""

    def run():
        with torch.no_grad():
            return fn()

    return run, lambda: [run()]


def gemm(work, x, weights):
    return call(lambda: x["a"] @ x["b"])


def conv(work, x, weights):
    padding = (work["kernel"] - 1) // 2
    return call(lambda: F.conv2d(x["x"], x["weight"], padding=padding, groups=work["groups"]))


def recurrent(work, x, weights):
    layer = {"lstm": nn.LSTM, "gru": nn.GRU}[work["cell"]](work["inF"], work["outF"])
    load(layer, weights)
    return call(lambda: layer(x["x"])[0])


def softmax(work, x, weights):
    return call(lambda: F.softmax(x["x"], 1))


def layernorm(work, x, weights):
    return call(lambda: F.layer_norm(x["x"], [work["width"]], weights["weight"], weights["bias"]))


def batchnorm(work, x, weights):
    layer = load(nn.BatchNorm2d(work["channels"]), weights).train(work["training"])
    return call(lambda: layer(x["x"]))


def maxpool(work, x, weights):
    return call(lambda: F.max_pool2d(x["x"], 3, 2, 1))


def attention(work, x, weights):
    scale = work["depth"] ** -0.5
    return call(lambda: torch.softmax(x["q"] @ x["k"].transpose(-2, -1) * scale, -1) @ x["v"])


def adam(work, x, weights):
    parameter = nn.Parameter(x["parameter"].clone())
    parameter.grad = x["gradient"]
    optimizer = torch.optim.Adam([parameter])

    def outputs():
        for _ in range(3):
            optimizer.step()
        return [parameter.detach()]

    return optimizer.step, outputs


def train(work, x, weights):
    model = load(sequence(work["model"]["layers"]), weights)
    optimizer = torch.optim.SGD(model.parameters(), lr=work["lr"])
    labels = x["labels"].long()

    def step():
        logits = model(x["x"])
        loss = F.cross_entropy(logits.reshape(-1, logits.shape[-1]), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    return step, lambda: [torch.tensor([step() for _ in range(work["losses"])])]


def infer(work, x, weights):
    model = load(sequence(work["model"]["layers"]), weights).eval()
    return call(lambda: model(x["x"]))


KINDS = {
    f.__name__: f
    for f in (gemm, conv, recurrent, softmax, layernorm, batchnorm, maxpool, attention, adam, train, infer)
}


def read_arrays(specs):
    arrays = {}
    for spec in specs:
        kind = numpy.dtype(spec["dtype"])
        data = bytearray(stdin.read(spec["bytes"]))
        arrays[spec["name"]] = torch.from_numpy(numpy.frombuffer(data, kind).reshape(spec["shape"]))
    return arrays


def answer(reply, arrays=()):
    blobs = [numpy.ascontiguousarray(t.numpy(), numpy.float32).tobytes() for t in arrays]
    head = json.dumps({**reply, "outputs": [len(blob) for blob in blobs]})
    stdout.write(head.encode() + b"\n" + b"".join(blobs))
    stdout.flush()


def prepare(request):
    work = request["work"]
    arrays = read_arrays(request["arrays"])
    prefix = "weights."
    weights = {name[len(prefix) :]: t for name, t in arrays.items() if name.startswith(prefix)}
    if work["kind"] not in KINDS:
        raise ValueError(f"cannot do {work['kind']}")
    return KINDS[work["kind"]](work, arrays, weights)


def measure(run, ms, warm_ms):
    """Milliseconds of each run, until `ms` have passed; one run at least."""
    begin = time.perf_counter()
    while (time.perf_counter() - begin) * 1e3 < warm_ms:
        run()
    times = []
    begin = start = time.perf_counter()
    while not times or (start - begin) * 1e3 < ms:
        run()
        now = time.perf_counter()
        times.append((now - start) * 1e3)
        start = now
    return {"ms": statistics.median(times), "best": min(times), "runs": len(times)}


def main():
    answer({"version": torch.__version__})
    run = None
    for line in stdin:
        request = json.loads(line)
        try:
            if request["type"] == "prepare":
                run, outputs = prepare(request)
                answer({}, outputs())
            else:
                answer(measure(run, request["ms"], request["warmMs"]))
        except Exception as error:  # The other side tells its user.
            answer({"reason": f"{type(error).__name__}: {error}"})


main()
