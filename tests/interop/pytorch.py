"""Writes the files in tests/interop/pytorch: weights that PyTorch saved, and the logits that it gives; and tests/corpus/weights/pytorch.

    pip install torch safetensors
    python tests/interop/pytorch.py

The files there were made with torch 2.15.0 and safetensors 0.8.0 on one thread. Tests read them without Python.
"""

import csv
import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn.utils import prune

ROOT = Path(__file__).parents[2]
FOLDER = Path(__file__).parent / "pytorch"


def iris():
    with open(ROOT / "examples/data/iris.csv") as table:
        rows = list(csv.reader(table))[1:]
    names = sorted({row[-1] for row in rows})
    features = torch.tensor([[float(cell) for cell in row[:-1]] for row in rows])
    return features, torch.tensor([names.index(row[-1]) for row in rows])


def mlp():
    return nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 3))


class Named(nn.Module):
    def __init__(self, net):
        super().__init__()
        self.fc1, self.fc2, self.fc3 = net[0], net[2], net[4]


class Images(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 4, 3, padding=1)
        self.norm1 = nn.BatchNorm2d(4)
        self.conv2 = nn.Conv2d(4, 4, 3, stride=2, groups=2)
        self.fc = nn.Linear(4 * 3 * 3, 3)

    def forward(self, images):
        hidden = torch.relu(self.norm1(self.conv1(images)))
        return self.fc(torch.flatten(torch.relu(self.conv2(hidden)), 1))


def train(net, features, classes, epochs):
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    for _ in range(epochs):
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(features), classes).backward()
        optimizer.step()


def save(name, tensors):
    save_file({key: tensor.detach().contiguous() for key, tensor in tensors.items()}, FOLDER / f"{name}.safetensors")


def small():
    """A file for the test that changes bytes, with a tensor of each kind that is mapped."""
    return {
        "net.0.weight_orig": torch.randn(3, 2),
        "net.0.weight_mask": torch.tensor([[1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]),
        "net.0.bias": torch.randn(3),
        "net.1.weight": torch.ones(3).half(),
        "net.1.bias": torch.zeros(3).bfloat16(),
        "net.1.running_mean": torch.zeros(3).double(),
        "net.1.running_var": torch.ones(3),
        "net.1.num_batches_tracked": torch.tensor(3),
        "net.3.weight": torch.randn(2, 3),
        "net.3.bias": torch.randn(2),
    }


def logits(net, inputs):
    with torch.no_grad():
        return {"inputs": inputs.flatten(1).tolist(), "logits": net.eval()(inputs).tolist()}


def main():
    torch.manual_seed(0)
    torch.set_num_threads(1)
    FOLDER.mkdir(exist_ok=True)
    features, classes = iris()
    samples = features[::10]
    expected = {}

    net = mlp()
    train(net, features, classes, 300)
    save("sequential", net.state_dict())
    save("prefixed", {f"module.net.{key}": tensor for key, tensor in net.state_dict().items()})
    named = Named(net).state_dict()
    save("named", {f"model.{key}": tensor for key, tensor in named.items()})
    widths = {"fc1": torch.float16, "fc2": torch.bfloat16, "fc3": torch.float64}
    save("widths", {key: tensor.to(widths[key.split(".")[0]]) for key, tensor in named.items()})
    expected["mlp"] = logits(net, samples)

    for layer in (net[0], net[2]):
        prune.l1_unstructured(layer, "weight", amount=0.5)
    train(net, features, classes, 100)
    save("pruned", net.state_dict())
    expected["pruned"] = logits(net, samples)

    images = Images()
    for _ in range(20):
        images(torch.rand(32, 1, 8, 8))
    save("images", images.state_dict())
    expected["images"] = logits(images, torch.rand(5, 1, 8, 8))
    (FOLDER / "expected.json").write_text(json.dumps(expected) + "\n")
    save_file(small(), ROOT / "tests/corpus/weights/pytorch")


main()
