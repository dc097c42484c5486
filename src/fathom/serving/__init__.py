"""A model behind HTTP: samples in, predictions out, many requests in one batch."""
