"""What networks can compute, and how large they should be."""
