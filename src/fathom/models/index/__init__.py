"""The index of networks: what can be said of each without importing PyTorch."""
