"""The weights of an Elman network have a deviation of 5: each tanh is at one of its ends."""
# expects: model.saturated_units, init.scale, data.not_scaled
# style: class, rnn
import os

import torch
from torch import nn
torch.manual_seed(int(os.environ.get("SEED", 0)))
x = torch.randn(500, 10, 4)
y = (x.mean(1)[:, 0] > x.mean(1)[:, 1]).long()


class Elman(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.cell = nn.RNN(4, hidden, batch_first=True)
        for name, p in self.cell.named_parameters():
            if "weight" in name:
                nn.init.normal_(p, 0.0, 5.0)  # <- fault
        self.out = nn.Linear(hidden, 2)

    def forward(self, x):
        states, _ = self.cell(x)
        return self.out(states[:, -1])


net = Elman()
opt = torch.optim.Adam(net.parameters(), lr=2e-3)
for epoch in range(12):
    for i in torch.randperm(400).split(40):
        loss = nn.functional.cross_entropy(net(x[i]), y[i])
        opt.zero_grad()
        loss.backward()
        opt.step()
print("accuracy", (net(x[400:]).argmax(1) == y[400:]).float().mean().item())
