"""What every local server of Fathom's shares: the guard in front of its app, and how it listens."""
