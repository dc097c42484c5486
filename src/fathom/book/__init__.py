"""Runs files of the book and notes on it, cell by cell in a separate process, and writes transcripts."""
