"""Prints the table "Any framework" of ``docs/pruning.md``: the same network from every framework, halved.

    python -m tests.prune.frameworks

Reads the files under ``tests/cases/onnx``; none of the frameworks is needed.
"""

from __future__ import annotations

import logging

from tests.prune.frameworks.network import FOLDER

from dyncc.passes.prune.model import Pruning
from dyncc.passes.prune.prepare import load
from dyncc.passes.prune.selection import Selection

VERSIONS = {
    "pytorch": ("PyTorch 2.13.0", "`torch.onnx.export`, onnxscript 0.7.2"),
    "keras": ("Keras 3.15.1, TensorFlow 2.21.0", "`Model.export`, tf2onnx 1.17.0"),
    "jax": ("JAX 0.10.2, Flax 0.12.8", "jax2onnx 0.17.1"),
    "lax": ("JAX 0.10.2 alone", "jax2onnx 0.17.1"),
    "paddle": ("PaddlePaddle 3.3.1", "`paddle.onnx.export`, paddle2onnx 2.1.0"),
}
"""By the file's name, the framework and the exporter that made it."""


def main() -> None:
    logging.disable(logging.WARNING)
    print("| framework | exporter | operator set | groups | parameters left | FLOPs left | error |")
    print("|---|---|---|---|---|---|---|")
    for name, (framework, exporter) in VERSIONS.items():
        model = load(FOLDER / f"resnet_{name}.onnx")
        report = Pruning(Selection(ratio=0.5)).run(model).report
        parameters = report.after.parameters / report.before.parameters
        flops = report.after.flops / report.before.flops
        print(
            f"| {framework} | {exporter} | {model.opset_imports['']} | {len(report.groups)} "
            f"| {parameters:.3f} | {flops:.3f} | {report.error:.0e} |"
        )


if __name__ == "__main__":
    main()
