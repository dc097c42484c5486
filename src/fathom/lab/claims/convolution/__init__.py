"""Convolutional networks: what they assume of images, and what their parts are for."""
