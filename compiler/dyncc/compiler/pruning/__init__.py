"""Structured pruning of modules and of programs on their way to a bundle.

Of ONNX in :mod:`dyncc.passes.prune`.
"""
