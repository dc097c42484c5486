"""Commands that teach: networks, arithmetic, the book."""
