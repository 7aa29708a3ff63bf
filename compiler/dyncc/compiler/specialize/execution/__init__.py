"""Execution: the abstract machine, and how it meets native code."""
