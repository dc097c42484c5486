"""The data of a run as code: how files become tensors, and which rows are in which split."""
