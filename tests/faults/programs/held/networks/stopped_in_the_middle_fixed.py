"""The twin of stopped_in_the_middle.py without its fault: thirty epochs."""
# expects: nothing
# style: class, multilabel
import os

import torch
from torch import nn
torch.manual_seed(int(os.environ.get("SEED", 0)))
x = torch.randn(400, 16)
y = (x @ torch.randn(16, 6) > 0).float()


class Labels(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(16, 48), nn.ReLU(), nn.Linear(48, 6))

    def forward(self, x):
        return self.net(x)


net = Labels()
opt = torch.optim.Adam(net.parameters(), lr=1e-3)
EPOCHS = 40
for epoch in range(EPOCHS):
    for i in torch.randperm(400).split(20):
        loss = nn.functional.multilabel_soft_margin_loss(net(x[i]), y[i])
        opt.zero_grad()
        loss.backward()
        opt.step()
    print(epoch, loss.item())
