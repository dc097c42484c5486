"""Learning curves: errors over training sizes, the law through them, what it forecasts."""
