"""What functions networks are, and where training ends."""
