"""A run as one file of plain PyTorch, which repeats it without Fathom."""
