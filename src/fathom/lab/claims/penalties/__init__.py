"""What is added to a loss, a gradient or a layer to hold a network back."""
