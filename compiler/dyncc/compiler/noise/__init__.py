"""Random operators: as functions of noise that the host of a bundle draws."""

from dyncc.compiler.noise.eager import Drawing, drawing, drawing_for
from dyncc.compiler.noise.operators import DROPOUTS, OPERATORS, Draw

__all__ = ["DROPOUTS", "OPERATORS", "Draw", "Drawing", "drawing", "drawing_for"]
