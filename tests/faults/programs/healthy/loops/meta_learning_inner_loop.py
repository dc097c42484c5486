"""MAML: fast weights by autograd.grad with create_graph, one outer step for four tasks."""
# expects: nothing
# style: functions, regression
import os
import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))
net = nn.Sequential(nn.Linear(1, 24), nn.Tanh(), nn.Linear(24, 1))
meta = torch.optim.Adam(net.parameters(), lr=5e-3)


def run(x, w):
    return F.linear(torch.tanh(F.linear(x, w[0], w[1])), w[2], w[3])


for step in range(80):
    meta.zero_grad()
    outer = 0.0
    for _ in range(4):
        slope, shift = torch.randn(2)
        x = torch.rand(20, 1) * 2 - 1
        y = slope * x + shift
        weights = list(net.parameters())
        for _ in range(2):
            inner = F.mse_loss(run(x[:10], weights), y[:10])
            grads = torch.autograd.grad(inner, weights, create_graph=True)
            weights = [w - 0.1 * g for w, g in zip(weights, grads)]
        outer = outer + F.mse_loss(run(x[10:], weights), y[10:]) / 4
    outer.backward()
    meta.step()
    if step % 16 == 0:
        print(step, outer.item())
