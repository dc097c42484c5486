"""Numbers of few bits, and losses as likelihoods."""
