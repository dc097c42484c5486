"""A hard choice in the forward pass and a soft one in the backward: gumbel_softmax(hard=True)."""
# expects: nothing
# style: class
import os

import torch
from torch import nn
torch.manual_seed(int(os.environ.get("SEED", 0)))


class Gate(nn.Module):
    def __init__(self):
        super().__init__()
        self.which = nn.Linear(4, 2)
        self.a, self.b = nn.Linear(4, 1), nn.Linear(4, 1)

    def forward(self, x):
        g = nn.functional.gumbel_softmax(self.which(x), tau=1.0, hard=self.training)
        return (g * torch.cat([self.a(x), self.b(x)], 1)).sum(1, keepdim=True)


x = torch.randn(600, 4)
y = torch.where(x[:, :1] > 0, x[:, 1:2] * 2, -x[:, 2:3])
net = Gate()
opt = torch.optim.Adam(net.parameters(), lr=1e-2)
for epoch in range(25):
    net.train()
    for i in torch.randperm(600).split(50):
        loss = nn.functional.mse_loss(net(x[i]), y[i])
        opt.zero_grad()
        loss.backward()
        opt.step()
    print(epoch, loss.item())
