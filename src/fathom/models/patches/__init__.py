"""Networks that cut an image into patches first: the vision transformer, ConvNeXt."""
