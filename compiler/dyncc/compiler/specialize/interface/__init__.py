"""The outside of a program: arguments as inputs, results as trees."""
