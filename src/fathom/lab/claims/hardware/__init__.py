"""What a machine does with arithmetic and memory, measured on this one; and what several devices exchange."""
