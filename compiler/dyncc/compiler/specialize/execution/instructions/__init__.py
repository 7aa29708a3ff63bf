"""What each instruction of the control-flow graph does, by family."""
