"""Two views are drawn together and nothing pushes others apart: all codes become one."""
# expects: model.collapse, loss.wrong_kind
# style: class, contrastive
import os

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(int(os.environ.get("SEED", 0)))
topic = torch.randn(200, 12)


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.f = nn.Sequential(nn.Linear(12, 32), nn.ReLU(), nn.Linear(32, 8))

    def forward(self, x):
        return F.normalize(self.f(x), dim=-1)


enc = Encoder()
opt = torch.optim.Adam(enc.parameters(), lr=5e-3)
for step in range(250):
    i = torch.randint(0, 200, (64,))
    a, b = enc(topic[i] + 0.3 * torch.randn(64, 12)), enc(topic[i] + 0.3 * torch.randn(64, 12))
    loss = (1 - (a * b).sum(-1)).mean()  # <- fault
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 50 == 49:
        print(step, loss.item(), "spread", a.std(0).mean().item())
