"""How well it will do on new samples, and how one finds out."""
