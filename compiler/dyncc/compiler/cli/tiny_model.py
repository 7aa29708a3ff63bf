"""A tiny ONNX model, written without the ``onnx`` package, which a deployed app does not have.

``y = x + x`` on two float32 numbers, in protobuf's wire format (fields of onnx.proto3).
"""

from __future__ import annotations


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _tensor_info(name: bytes) -> bytes:
    dim = _bytes(1, _number(1, 2))
    tensor = _number(1, 1) + _bytes(2, dim)
    return _bytes(1, name) + _bytes(2, _bytes(1, tensor))


def _model() -> bytes:
    node = _bytes(1, b"x") + _bytes(1, b"x") + _bytes(2, b"y") + _bytes(4, b"Add")
    graph = (
        _bytes(1, node) + _bytes(2, b"g") + _bytes(11, _tensor_info(b"x")) + _bytes(12, _tensor_info(b"y"))
    )
    return _number(1, 8) + _bytes(7, graph) + _bytes(8, _number(2, 17))


DOUBLE = _model()
"""The serialized model: input ``x``, output ``y``."""
