"""The twin of unit_normal_wide.py without its fault: divided by the root of the fan-in, and a rate for such weights."""
# expects: nothing
# style: functions
import os
import math

import torch
import torch.nn.functional as F

torch.manual_seed(int(os.environ.get("SEED", 0)))
K, D, H = 5, 20, 200
x = torch.randn(900, D)
y = (x @ torch.randn(D, K)).argmax(1)

W1 = torch.nn.Parameter(torch.randn(D, H) * (2 / D) ** 0.5)
W2 = torch.nn.Parameter(torch.randn(H, H) * (2 / H) ** 0.5)
W3 = torch.nn.Parameter(torch.randn(H, K) * (1 / H) ** 0.5)
b1, b2, b3 = (torch.nn.Parameter(torch.zeros(k)) for k in (H, H, K))
opt = torch.optim.SGD([W1, b1, W2, b2, W3, b3], lr=0.05)


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
