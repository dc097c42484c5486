"""How well ``fathom doctor`` finds planted faults, and how seldom it cries wolf: ``python -m bench.doctor``."""
