"""Batch normalisation: what it speeds up, and why."""
