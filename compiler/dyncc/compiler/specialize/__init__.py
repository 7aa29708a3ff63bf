"""Specialization: from a PyTorch program to control flow over blocks of recorded tensor code."""

from dyncc.compiler.specialize.attempts import Limits, specialize, specialize_methods
from dyncc.compiler.specialize.interface.inputs import Method
from dyncc.compiler.specialize.specializer import Recorded

__all__ = ["Limits", "Method", "Recorded", "specialize", "specialize_methods"]
