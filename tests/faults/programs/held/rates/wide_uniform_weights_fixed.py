"""The twin of wide_uniform_weights.py without its fault: bounds of sqrt(6 / fan-in)."""
# expects: nothing
# style: functions
import os

import torch
from torch import nn
import math

import torch.nn.functional as F

torch.manual_seed(int(os.environ.get("SEED", 0)))


def draw(a, b):
    bound = math.sqrt(6 / a)
    return torch.empty(a, b).uniform_(-bound, bound).requires_grad_()


Ws = [draw(20, 200), draw(200, 200), draw(200, 200)]
last = torch.empty(200, 4).uniform_(-0.5, 0.5).requires_grad_()
with torch.no_grad():
    last.mul_(0.1)
    centres = torch.randn(4, 20)
y = torch.randint(0, 4, (500,))
x = centres[y] + 1.5 * torch.randn(500, 20)
opt = torch.optim.SGD(Ws + [last], lr=1e-3)
for epoch in range(15):
    for i in torch.randperm(500).split(50):
        h = x[i]
        for W in Ws:
            h = F.relu(h @ W)
        loss = F.cross_entropy(h @ last, y[i])
        opt.zero_grad()
        loss.backward()
        opt.step()
    print(epoch, loss.item())
