"""Specialization: from a PyTorch program to control flow over blocks of recorded tensor code."""

from dyncc.compiler.specialize.interface import Method
from dyncc.compiler.specialize.specializer import Recorded, specialize, specialize_methods

__all__ = ["Method", "Recorded", "specialize", "specialize_methods"]
