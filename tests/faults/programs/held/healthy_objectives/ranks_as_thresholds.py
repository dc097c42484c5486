"""Ordinal regression: one score, K - 1 ordered thresholds, BCE with logits on 'more than k'."""
# expects: nothing
# style: class, ordinal
import os

import torch
from torch import nn
torch.manual_seed(int(os.environ.get("SEED", 0)))
x = torch.randn(700, 5)
value = x @ torch.tensor([1.0, 2.0, -1.0, 0.0, 0.5])
stars = torch.bucketize(value, torch.tensor([-2.0, -0.5, 0.5, 2.0]))


class Ordinal(nn.Module):
    def __init__(self, k=5):
        super().__init__()
        self.score = nn.Linear(5, 1, bias=False)
        self.cuts = nn.Parameter(torch.linspace(-1, 1, k - 1))

    def forward(self, x):
        return self.score(x) - self.cuts  # (N, 1) - (K-1,), on purpose


net = Ordinal()
opt = torch.optim.Adam(net.parameters(), lr=2e-2)
for epoch in range(20):
    for i in torch.randperm(700).split(70):
        more = (stars[i, None] > torch.arange(4)).float()
        loss = nn.functional.binary_cross_entropy_with_logits(net(x[i]), more)
        opt.zero_grad()
        loss.backward()
        opt.step()
    print(epoch, loss.item())
