"""Commands that look at data and runs."""
