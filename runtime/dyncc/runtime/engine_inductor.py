"""TorchInductor: blocks that were compiled ahead of time into one AOTInductor package each.

The only engine that needs torch, for deployments that have it. It is looked up by name, since the runtime
itself must never import torch (a contract that the linter checks).

Arrays are given to torch and taken back without a copy. Where a program runs on ``cuda``, they are copied
to the device for each block, and results back; to stay there between blocks is ONNX Runtime's way alone
(:mod:`dyncc.runtime.engine_cuda`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

import numpy as np

from dyncc.runtime import processor
from dyncc.runtime.engine import Graph, Run, Setup
from dyncc.runtime.errors import EngineError, EngineMissing, IncompatibleArtifact

_REMEDY = "pip install torch, or load with engine='onnxruntime'"


def import_torch() -> Any:
    """The module ``torch``. Raises EngineMissing."""
    try:
        return import_module("torch")
    except ImportError as error:
        raise EngineMissing(f"the engine inductor needs torch ({error}): {_REMEDY}") from error


class Inductor:
    """The engine for one program."""

    name = "inductor"
    keep = False

    def __init__(self, setup: Setup) -> None:
        self.torch = import_torch()
        self.device = setup.device
        if setup.device != "cpu" and not self.torch.cuda.is_available():
            raise EngineMissing(f"torch {self.torch.__version__} has no CUDA device here")
        if setup.threads is not None:
            self.torch.set_num_threads(setup.threads)

    def load(self, graph: Graph) -> Run:
        self._check(graph)
        try:
            package = import_module("torch._inductor").aoti_load_package(graph.file)
        except Exception as error:  # torch's own classes, the loader's
            raise EngineError(f"inductor refuses {graph.file}: {error}") from error
        return self._call(package, graph)

    def _check(self, graph: Graph) -> None:
        requires, here = graph.requires, self.torch.__version__
        processor.check(requires, graph.name, self.name)
        wanted = str(requires.get("torch", here))
        if _release(wanted) != _release(here):
            raise IncompatibleArtifact(
                f"the block {graph.name!r} was compiled by torch {wanted}, and here is {here}: install "
                f"torch {_release(wanted)}, compile again, or load with engine='onnxruntime'"
            )
        device = str(requires.get("device", "cpu"))
        if device != self.device.partition(":")[0]:
            raise IncompatibleArtifact(
                f"the block {graph.name!r} was compiled by inductor for {device}, and the program is "
                f"loaded for {self.device}: load with device={device!r}, or compile again"
            )

    def _call(self, package: Callable[..., Any], graph: Graph) -> Run:
        torch, device = self.torch, self.device
        dtypes = [graph.numbers.get(index) for index in range(len(graph.inputs))]
        bits = [port.dtype == "bfloat16" for port in graph.inputs]
        returns_bits = [port.dtype == "bfloat16" for port in graph.outputs]

        def tensor(value: Any, dtype: str | None, is_bits: bool) -> Any:
            array = np.asarray(value, dtype=dtype)
            array = array if array.flags.writeable else array.copy()
            given = torch.from_numpy(array.view(np.int16) if is_bits else array)
            return (given.view(torch.bfloat16) if is_bits else given).to(device)

        def result(value: Any, is_bits: bool, taken: set[int]) -> Any:
            pointer = value.untyped_storage().data_ptr()
            if pointer in taken:  # an input or another result: results are memory of their own
                value = value.clone()
            taken.add(pointer)
            value = value.contiguous().cpu()
            return value.view(torch.int16).numpy().view(np.uint16) if is_bits else value.numpy()

        def run(*inputs: Any) -> Any:
            try:
                tensors = [*map(tensor, inputs, dtypes, bits)]
                taken = {given.untyped_storage().data_ptr() for given in tensors} | {0}
                found = package(*tensors)
                results = [
                    result(value, bf16, taken) for value, bf16 in zip(found, returns_bits, strict=True)
                ]
            except Exception as error:  # torch's own classes
                raise EngineError(f"inductor failed in the block {graph.name!r}: {error}") from error
            return results[0] if len(results) == 1 else results

        return run

    def describe(self) -> Mapping[str, Any]:
        return {
            "engine": self.name,
            "version": self.torch.__version__,
            "device": self.device,
            "threads": self.torch.get_num_threads(),
        }


def _release(version: str) -> str:
    """The part of a version of torch within which packages can be exchanged: ``2.13``."""
    return ".".join(version.partition("+")[0].split(".")[:2])
