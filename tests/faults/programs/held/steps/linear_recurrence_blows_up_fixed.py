"""The twin of linear_recurrence_blows_up.py without its fault: orthogonal weights of a little below one."""
# expects: nothing
# style: class, rnn, regression
import os

import torch
from torch import nn
torch.manual_seed(int(os.environ.get("SEED", 0)))


class Memory(nn.Module):
    def __init__(self, d=24):
        super().__init__()
        self.put = nn.Linear(1, d)
        self.keep = nn.Parameter(torch.empty(d, d))
        nn.init.orthogonal_(self.keep, gain=0.95)
        self.read = nn.Linear(d, 1)

    def forward(self, x):
        h = torch.zeros(len(x), self.keep.shape[0])
        for t in range(x.shape[1]):
            h = torch.relu(self.put(x[:, t])) + h @ self.keep
        return self.read(h)


x = torch.rand(320, 40, 1)
y = x[:, -10:].mean(1)
net = Memory()
opt = torch.optim.Adam(net.parameters(), lr=1e-3)
for epoch in range(12):
    for i in range(0, 320, 32):
        loss = nn.functional.mse_loss(net(x[i : i + 32]), y[i : i + 32])
        opt.zero_grad()
        loss.backward()
        opt.step()
    print(epoch, loss.item())
