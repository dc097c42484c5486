"""How gradients are computed and followed, and what that costs."""
