"""Running files of the book and notes on it: cells in a process of their own, and a transcript of what they gave."""
