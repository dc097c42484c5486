"""Deep networks: what becomes of values and gradients on their way through many layers."""
