"""What keeps a network from learning its samples by heart."""
