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
x = 0.5 * centres[y] + torch.randn(500, 20)
opt = torch.optim.SGD(Ws + [last], lr=1e-2)


def scores(h):
    for W in Ws:
        h = F.relu(h @ W)
    return h @ last


for epoch in range(15):
    for i in torch.randperm(300).split(30):
        loss = F.cross_entropy(scores(x[i]), y[i])
        opt.zero_grad()
        loss.backward()
        opt.step()
    with torch.no_grad():
        test = scores(x[300:])
        print(epoch, loss.item(), F.cross_entropy(test, y[300:]).item(), (test.argmax(1) == y[300:]).float().mean().item())
