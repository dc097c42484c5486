"""Commands about this machine: data sets, the shell."""
