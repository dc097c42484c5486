"""What several processes cost and gain: ``python -m bench.scale``."""
