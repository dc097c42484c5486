"""Gradients are clipped to norm 1 at every step, and the norm before clipping is often above it."""
# expects: nothing
# style: rnn, class
import os
import torch
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))


class Adder(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(2, 32, batch_first=True)
        self.out = nn.Linear(32, 1)

    def forward(self, x):
        return self.out(self.gru(x)[0][:, -1])


def batch(n=40, t=8):
    values = torch.rand(n, t)
    marks = torch.zeros(n, t)
    marks.scatter_(1, torch.rand(n, t).topk(2, dim=1).indices, 1.0)
    return torch.stack([values, marks], -1), (values * marks).sum(1, keepdim=True) - 1.0


net = Adder()
opt = torch.optim.Adam(net.parameters(), lr=1e-2)
for step in range(300):
    x, y = batch()
    loss = nn.functional.mse_loss(net(x), y)
    opt.zero_grad()
    loss.backward()
    norm = nn.utils.clip_grad_norm_(net.parameters(), 1.0)
    opt.step()
    if step % 50 == 49:
        print(f"step {step + 1} loss {loss.item():.4f} norm {norm.item():.3f}")
