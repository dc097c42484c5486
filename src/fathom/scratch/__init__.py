"""Every idea of the notes written out on NumPy: read it from top to bottom; tests/parity proves it equal to PyTorch."""
