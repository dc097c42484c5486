"""A drop-in for the helper package of *Dive into Deep Learning*.

``from fathom.d2l import torch as d2l`` stands for ``from d2l import torch as d2l`` of the English edition 1.0, and
``from fathom.d2l.v0 import torch as d2l`` for that of the earlier editions, the Chinese one among them.
"""

from fathom.d2l.extension import load_ipython_extension, unload_ipython_extension

__all__ = ["load_ipython_extension", "unload_ipython_extension"]
