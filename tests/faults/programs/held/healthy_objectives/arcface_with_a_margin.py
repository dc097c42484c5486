"""An angular margin on normalised features and weights, scaled by 16."""
# expects: nothing
# style: class, metric
import os

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(int(os.environ.get("SEED", 0)))
centres = torch.randn(6, 12)
y = torch.randint(0, 6, (600,))
x = centres[y] + 0.5 * torch.randn(600, 12)


class Arc(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(12, 32), nn.PReLU(), nn.Linear(32, 8))
        self.w = nn.Parameter(torch.randn(6, 8))

    def forward(self, x, y):
        cos = F.normalize(self.body(x)) @ F.normalize(self.w).T
        angle = cos.clamp(-0.999, 0.999).acos() + 0.2 * F.one_hot(y, 6)
        return 16 * angle.cos()


net = Arc()
opt = torch.optim.Adam(net.parameters(), lr=5e-3)
for epoch in range(12):
    for i in torch.randperm(600).split(50):
        loss = F.cross_entropy(net(x[i], y[i]), y[i])
        opt.zero_grad()
        loss.backward()
        opt.step()
    print(epoch, loss.item())
