"""Several devices, by hand: data parallel, model parallel, and a parameter server with real worker processes."""
