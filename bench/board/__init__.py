"""What the board costs: first paint, bytes and processor time, idle and live; the slow-down of a training beside it."""
