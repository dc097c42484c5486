"""The suites: each module has ``run(settings, suite)``, which adds what it measured to the suite."""
