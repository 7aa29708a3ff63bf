"""States of the program: captured as memo keys and leaves, begun from again, generalized."""
