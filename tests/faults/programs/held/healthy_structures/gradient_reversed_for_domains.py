"""Domain-adversarial training: a custom backward turns the sign of one branch's gradient."""
# expects: nothing
# style: class, adversarial
import os

import torch
from torch import nn
torch.manual_seed(int(os.environ.get("SEED", 0)))


class Reverse(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.view_as(x)

    @staticmethod
    def backward(ctx, grad):
        return -0.2 * grad


domain = torch.randint(0, 2, (600,))
y = torch.randint(0, 3, (600,))
x = torch.randn(600, 8)
x[torch.arange(600), y] += 2
x[:, 7] += 2.0 * domain
body = nn.Sequential(nn.Linear(8, 24), nn.ReLU())
label, where = nn.Linear(24, 3), nn.Linear(24, 2)
opt = torch.optim.Adam([*body.parameters(), *label.parameters(), *where.parameters()], lr=3e-3)
ce = nn.CrossEntropyLoss()
for epoch in range(15):
    for i in torch.randperm(600).split(50):
        h = body(x[i])
        loss = ce(label(h), y[i]) + 0.3 * ce(where(Reverse.apply(h)), domain[i])
        opt.zero_grad()
        loss.backward()
        opt.step()
    print(epoch, loss.item())
