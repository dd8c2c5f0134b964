"""Makes quantized networks with Brevitas and writes what an import has to reproduce.

    python3 -m venv venv
    venv/bin/pip install brevitas==0.12.1 torch==2.12.1 onnx==1.23.2 onnxoptimizer safetensors
    venv/bin/python tests/interop/make.py FOLDER [MODEL ...]

Each model becomes MODEL.qonnx.onnx, MODEL.qcdq.onnx and MODEL.safetensors. `FHEQAT_VECTORS=FOLDER cargo test -p fheqat-onnx
--test vectors` compares them with what fheqat makes of the files.
"""

import sys
import types
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

if not hasattr(torch.onnx, "_globals"):  # Brevitas 0.12 looks for it where Torch no longer has it
    from torch.onnx._internal.torchscript_exporter import _globals

    sys.modules["torch.onnx._globals"] = _globals
    torch.onnx._globals = _globals

import brevitas.nn as qnn
from brevitas.core.restrict_val import RestrictValueType
from brevitas.export import export_onnx_qcdq, export_qonnx
from brevitas.quant import (
    Int8ActPerTensorFloat,
    Int8WeightPerTensorFloat,
    Int32Bias,
    SignedBinaryWeightPerTensorConst,
    Uint8ActPerTensorFloat,
)

SAMPLES = 40


def weight(bits, per_channel=False, narrow=True):
    return dict(
        weight_quant=Int8WeightPerTensorFloat,
        weight_bit_width=bits,
        weight_scaling_per_output_channel=per_channel,
        weight_narrow_range=narrow,
    )


def linear(inputs, outputs, bits, bias=True, **options):
    return qnn.QuantLinear(inputs, outputs, bias=bias, **weight(bits, **options))


def conv(inputs, outputs, side, bits, bias=True, stride=1, padding=0, groups=1, **options):
    return qnn.QuantConv2d(
        inputs, outputs, side, bias=bias, stride=stride, padding=padding, groups=groups, **weight(bits, **options)
    )


def identity(bits, signed=True):
    return qnn.QuantIdentity(act_quant=Int8ActPerTensorFloat if signed else Uint8ActPerTensorFloat, bit_width=bits)


def relu(bits, signed=False):
    return qnn.QuantReLU(act_quant=Int8ActPerTensorFloat if signed else Uint8ActPerTensorFloat, bit_width=bits)


class Chain(nn.Module):
    """Layers one after the other, with the names that they are given."""

    def __init__(self, shape, **layers):
        super().__init__()
        self.shape = shape
        self.order = list(layers)
        for name, layer in layers.items():
            setattr(self, name, layer)

    def forward(self, x):
        for name in self.order:
            x = getattr(self, name)(x)
        return x


class Residual(nn.Module):
    shape = (24,)

    def __init__(self, bits):
        super().__init__()
        self.quant_inp = identity(bits)
        self.fc1, self.relu1 = linear(24, 16, bits), relu(bits)
        self.fc2, self.shared = linear(16, 16, bits), identity(bits + 1)
        self.relu2, self.fc3 = relu(bits), linear(16, 5, bits)

    def forward(self, x):
        a = self.relu1(self.fc1(self.quant_inp(x)))
        return self.fc3(self.relu2(self.shared(self.fc2(a)) + self.shared(a)))


class Branches(nn.Module):
    """Two branches, joined along channels by one quantizer of both."""

    shape = (2, 8, 8)

    def __init__(self):
        super().__init__()
        self.quant_inp = identity(4)
        self.left, self.right = conv(2, 3, 3, 4, padding=1), conv(2, 3, 1, 3, bias=False)
        self.joint = qnn.QuantReLU(act_quant=Uint8ActPerTensorFloat, bit_width=4)
        self.pool = nn.MaxPool2d(2)
        self.tail, self.tail_act = conv(6, 8, 4, 3, per_channel=True), relu(3)
        self.flat, self.fc = nn.Flatten(), linear(8, 4, 4)

    def forward(self, x):
        x = self.quant_inp(x)
        x = torch.cat([self.joint(self.left(x)), self.joint(self.right(x))], dim=1)
        return self.fc(self.flat(self.tail_act(self.tail(self.pool(x)))))


def mlp(bits, act_bits, **options):
    return Chain(
        (6,),
        quant_inp=identity(act_bits),
        fc1=linear(6, 12, bits, **options),
        relu1=relu(act_bits),
        fc2=linear(12, 8, bits, **options),
        relu2=relu(act_bits),
        fc3=linear(8, 4, bits, **options),
    )


MODELS = {
    **{f"width{bits}": (lambda bits=bits: mlp(bits, bits)) for bits in range(2, 7)},
    # More products of 7 and 8 bits are too wide for a table, so the layers are small.
    **{
        f"width{bits}": lambda bits=bits: Chain(
            (2,), quant_inp=identity(bits), fc1=linear(2, 6, bits), relu1=relu(bits), fc2=linear(6, 3, bits)
        )
        for bits in (7, 8)
    },
    "per_channel": lambda: mlp(3, 4, per_channel=True, bias=False),
    "full_range": lambda: mlp(3, 3, narrow=False),
    "signed_relu": lambda: Chain(
        (6,),
        quant_inp=identity(3),
        fc1=linear(6, 12, 3),
        relu1=relu(4, signed=True),
        fc2=linear(12, 8, 3, per_channel=True),
        relu2=relu(3, signed=True),
        fc3=linear(8, 4, 3),
    ),
    "int_bias": lambda: Chain(
        (6,),
        quant_inp=qnn.QuantIdentity(act_quant=Int8ActPerTensorFloat, bit_width=4, return_quant_tensor=True),
        fc1=qnn.QuantLinear(6, 12, bias=True, bias_quant=Int32Bias, **weight(4)),
        relu1=qnn.QuantReLU(act_quant=Uint8ActPerTensorFloat, bit_width=3, return_quant_tensor=True),
        fc2=qnn.QuantLinear(12, 4, bias=True, bias_quant=Int32Bias, **weight(3)),
        out=identity(8),
    ),
    "binary": lambda: Chain(
        (6,),
        quant_inp=identity(2),
        fc1=qnn.QuantLinear(6, 12, bias=True, weight_quant=SignedBinaryWeightPerTensorConst),
        norm1=nn.BatchNorm1d(12),
        tanh1=qnn.QuantTanh(act_quant=Int8ActPerTensorFloat, bit_width=3),
        fc2=linear(12, 8, 2),
        sigmoid2=qnn.QuantSigmoid(act_quant=Uint8ActPerTensorFloat, bit_width=3),
        fc3=linear(8, 4, 3, bias=False),
    ),
    "groups": lambda: Chain(
        (4, 8, 8),
        quant_inp=identity(3, signed=False),
        conv1=conv(4, 8, 3, 3, padding=1, groups=4, bias=False),
        norm1=nn.BatchNorm2d(8, eps=1e-3),
        relu1=relu(3),
        conv2=conv(8, 6, 3, 4, stride=2, per_channel=True, groups=2),
        norm2=nn.BatchNorm2d(6),
        relu2=relu(4),
        pool=nn.AdaptiveAvgPool2d(1),
        quant3=identity(4, signed=False),
        flat=nn.Flatten(),
        fc=linear(6, 5, 4),
    ),
    "max_pool": lambda: Chain(
        (1, 12, 12),
        quant_inp=identity(4),
        conv1=conv(1, 4, 3, 4),
        hard=qnn.QuantHardTanh(act_quant=Int8ActPerTensorFloat, bit_width=4, max_val=1.0, min_val=-1.0),
        pool1=nn.MaxPool2d(3, stride=2, padding=1),
        conv2=conv(4, 6, 3, 3, stride=2),
        relu2=relu(3),
        flat=nn.Flatten(),
        fc=linear(24, 4, 3),
    ),
    "residual3": lambda: Residual(3),
    "branches": Branches,
    "powers_of_two": lambda: Chain(
        (6,),
        quant_inp=qnn.QuantIdentity(
            act_quant=Int8ActPerTensorFloat, bit_width=3, restrict_scaling_type=RestrictValueType.POWER_OF_TWO
        ),
        fc1=linear(6, 12, 3),
        relu1=qnn.QuantReLU(
            act_quant=Uint8ActPerTensorFloat, bit_width=3, restrict_scaling_type=RestrictValueType.POWER_OF_TWO
        ),
        fc2=linear(12, 4, 3),
    ),
}


def trained(model, generator):
    """A few steps on random labels: enough for weights and steps that nobody chose."""
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    x = torch.randn(256, *model.shape, generator=generator)
    y = torch.randint(0, 3, (256,), generator=generator)
    model.train()
    for step in range(60):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x[step % 4 :: 4]), y[step % 4 :: 4]).backward()
        optimizer.step()
    return model.eval()


def levels_of(model, x):
    """The integers of each quantizer of activations, in the order in which they run."""
    levels, hooks = {}, []

    def hook(name):
        def keep(module, _, output):
            value = output.value if hasattr(output, "value") else output
            step = module.act_quant.scale()
            integers = torch.round(value / step)
            assert torch.allclose(integers * step, value, atol=1e-5), name
            is_small = integers.min() >= -128 and integers.max() <= 127
            levels.setdefault(name, []).append(integers.to(torch.int8 if is_small else torch.int16))

        return keep

    for name, module in model.named_modules():
        if isinstance(module, (qnn.QuantIdentity, qnn.QuantReLU, qnn.QuantSigmoid, qnn.QuantTanh, qnn.QuantHardTanh)):
            hooks.append(module.register_forward_hook(hook(name)))
    with torch.no_grad():
        logits = model(x)
    for handle in hooks:
        handle.remove()
    named = {}
    for name, calls in levels.items():
        for index, integers in enumerate(calls):
            named[f"level.{name}" if len(calls) == 1 else f"level.{name}.{index}"] = integers.contiguous()
    return named, (logits.value if hasattr(logits, "value") else logits)


def make(name, folder):
    torch.manual_seed(sum(map(ord, name)))
    generator = torch.Generator().manual_seed(len(name))
    model = trained(MODELS[name](), generator)
    x = torch.randn(SAMPLES, *model.shape, generator=generator)
    levels, logits = levels_of(model, x)
    save_file({"input": x, "logits": logits.contiguous(), **levels}, folder / f"{name}.safetensors")
    options = dict(args=x[:1], dynamo=False, input_names=["input"], dynamic_axes={"input": {0: "batch"}})
    for suffix, export in [("qonnx", export_qonnx), ("qcdq", export_onnx_qcdq)]:
        try:
            export(model, export_path=str(folder / f"{name}.{suffix}.onnx"), **options)
        except Exception as error:  # Brevitas has no QCDQ of binary weights
            print(f"{name}.{suffix}: {type(error).__name__}: {str(error)[:100]}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    for chosen in sys.argv[2:] or MODELS:
        make(chosen, target)
        print(chosen)
