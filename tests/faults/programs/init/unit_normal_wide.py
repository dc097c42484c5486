"""Weights from N(0, 1) in layers of 200 units: the first loss is near 100 instead of ln 5 (Karpathy's first check)."""
# expects: init.scale
# style: functions
import os
import math

import torch
import torch.nn.functional as F

torch.manual_seed(int(os.environ.get("SEED", 0)))
K, D, H = 5, 20, 200
x = torch.randn(900, D)
y = (x @ torch.randn(D, K)).argmax(1)

W1 = torch.nn.Parameter(torch.randn(D, H))  # <- fault
W2 = torch.nn.Parameter(torch.randn(H, H))  # <- fault
W3 = torch.nn.Parameter(torch.randn(H, K))  # <- fault
b1, b2, b3 = (torch.nn.Parameter(torch.zeros(k)) for k in (H, H, K))
opt = torch.optim.SGD([W1, b1, W2, b2, W3, b3], lr=1e-3)


def model(x):
    h = F.relu(x @ W1 + b1)
    h = F.relu(h @ W2 + b2)
    return h @ W3 + b3


print("expected first loss", math.log(K))
for epoch in range(10):
    losses = []
    for i in torch.randperm(700).split(35):
        loss = F.cross_entropy(model(x[i]), y[i])
        opt.zero_grad()
        loss.backward()
        opt.step()
        losses.append(loss.item())
    print(epoch, "first", losses[0], "last", losses[-1])
