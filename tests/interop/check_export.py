"""Runs exported networks with onnxruntime, default optimisations on, and compares all integers; checks the QONNX files with onnx and qonnx.

    python3 -m venv venv
    venv/bin/pip install onnx onnxruntime qonnx numpy
    FHEQAT_EXPORTED=FOLDER cargo test -p fheqat-onnx --test export
    venv/bin/python tests/interop/check_export.py FOLDER

Beside each NAME.integers.onnx are NAME.input, f32, and NAME.expected, i32: 1,000 samples and the integers of the circuit.
"""

import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

LEVELS = onnxruntime.GraphOptimizationLevel


def run_integers(path, samples, level):
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = level
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    shape = [len(samples) if isinstance(dim, str) else dim for dim in session.get_inputs()[0].shape]
    shape[0] = -1
    logits, integers = session.run(["logits", "integers"], {"input": samples.reshape(shape)})
    return logits.reshape(len(samples), -1), integers.reshape(len(samples), -1)


def run_qonnx(path, samples, logits):
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.core.onnx_exec import execute_onnx
    from qonnx.transformation.infer_shapes import InferShapes

    model = ModelWrapper(str(path))
    for tensor in [*model.graph.input, *model.graph.output]:
        tensor.type.tensor_type.shape.dim[0].dim_value = 1
    model = model.transform(InferShapes())
    shape = model.get_tensor_shape("input")
    different = 0
    for sample, expected in zip(samples, logits):
        found = execute_onnx(model, {"input": sample.reshape(shape)})["logits"].reshape(-1)
        different += not np.allclose(found, expected, rtol=1e-4, atol=1e-5)
    return different


def main(folder):
    failed = False
    for path in sorted(folder.glob("*.integers.onnx")):
        name = path.name.removesuffix(".integers.onnx")
        onnx.checker.check_model(str(path), full_check=True)
        expected = np.fromfile(folder / f"{name}.expected", dtype=np.int32).reshape(1000, -1)
        samples = np.fromfile(folder / f"{name}.input", dtype=np.float32).reshape(1000, -1)
        for level in [LEVELS.ORT_ENABLE_ALL, LEVELS.ORT_DISABLE_ALL]:
            logits, integers = run_integers(path, samples, level)
            wrong = int((integers != expected).sum())
            failed |= wrong > 0
            print(f"{name}: onnxruntime {onnxruntime.__version__}, {level.name}: {wrong} of {expected.size} integers differ")
        quantized = folder / f"{name}.qonnx.onnx"
        if quantized.exists():
            onnx.checker.check_model(str(quantized))
            wrong = run_qonnx(quantized, samples[:100], logits[:100])
            print(f"{name}: qonnx's executor gives other outputs for {wrong} of 100 samples (ties)")
    sys.exit(failed)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
