"""Commands that train, and what they train with."""
