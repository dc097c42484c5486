"""The twin of vanishing_long_rnn.py without its fault: the question is about the last inputs, and the recurrence starts orthogonal."""
# expects: nothing
# style: rnn, class
import os

import torch
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))


class Memory(nn.Module):
    def __init__(self, hidden=24):
        super().__init__()
        self.rnn = nn.RNN(1, hidden, batch_first=True)
        self.head = nn.Linear(hidden, 2)
        nn.init.orthogonal_(self.rnn.weight_hh_l0)

    def forward(self, x):
        out, _ = self.rnn(x)
        return self.head(out[:, -1])


def batch(n=40, length=60):
    x = torch.randn(n, length, 1)
    return x, (x[:, -3:, 0].sum(1) > 0).long()


net = Memory()
opt = torch.optim.Adam(net.parameters(), lr=3e-3)
for step in range(151):
    x, y = batch()
    loss = nn.functional.cross_entropy(net(x), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 25 == 0:
        print(f"step {step}: {loss.item():.4f}")
