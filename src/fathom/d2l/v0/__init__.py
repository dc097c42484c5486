"""``from fathom.d2l.v0 import torch as d2l``: the helper package of the book's earlier editions."""
