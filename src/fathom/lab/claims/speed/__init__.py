"""What costs time and memory, and what saves it."""
