"""Recording: PyTorch calls of the program become the graph and host operations of the current block."""
