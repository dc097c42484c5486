"""An echo-state network: the recurrence is random and stays so, only the readout is in the optimiser."""
# expects: nothing
# style: class, rnn, regression
import os

import torch
from torch import nn
torch.manual_seed(int(os.environ.get("SEED", 0)))


class Echo(nn.Module):
    def __init__(self, d=60):
        super().__init__()
        w = torch.randn(d, d)
        self.register_buffer("w", 0.9 * w / torch.linalg.eigvals(w).abs().max())
        self.register_buffer("v", torch.randn(1, d))
        self.read = nn.Linear(d, 1)

    def forward(self, x):
        h = x.new_zeros(len(x), self.w.shape[0])
        for t in range(x.shape[1]):
            h = torch.tanh(x[:, t, None] @ self.v + h @ self.w)
        return self.read(h)


x = torch.rand(400, 12) - 0.5
y = (x[:, -1] * 2 + x[:, -2] - x[:, -3])[:, None]
net = Echo()
opt = torch.optim.Adam(net.read.parameters(), lr=1e-2)
for epoch in range(25):
    for i in torch.randperm(400).split(40):
        loss = nn.functional.mse_loss(net(x[i]), y[i])
        opt.zero_grad()
        loss.backward()
        opt.step()
    print(epoch, loss.item())
