"""Learning from what another network has learned."""
