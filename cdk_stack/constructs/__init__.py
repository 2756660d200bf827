"""The parts of the stack. None of them knows another; the stack puts them together."""
