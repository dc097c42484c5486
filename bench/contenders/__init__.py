"""Those that are always measured: loops written by hand, and Fathom. Imported by workers only."""
