"""Other libraries doing the same work, one a file; imported by workers only, skipped where not installed.

Each has ``run(problem, gate)`` and gets what makes it fast: batches gathered from tensors in memory if it can take
them, no progress bar, no logger, no checkpoints.
"""
