"""Lists of run-time length: forms of their elements, values of the host, operations."""
