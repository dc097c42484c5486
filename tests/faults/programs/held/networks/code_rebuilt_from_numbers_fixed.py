"""The twin of code_rebuilt_from_numbers.py without its fault: the code itself is decoded."""
# expects: nothing
# style: class, autoencoder
import os

import torch
from torch import nn
torch.manual_seed(int(os.environ.get("SEED", 0)))


class Both(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(16, 12), nn.Tanh(), nn.Linear(12, 3))
        self.decoder = nn.Sequential(nn.Linear(3, 12), nn.Tanh(), nn.Linear(12, 16))

    def forward(self, x):
        code = self.encoder(x)
        self.seen = code.detach().numpy()
        return self.decoder(code)


x = torch.randn(600, 3) @ torch.randn(3, 16)
x = x / x.std()
net = Both()
opt = torch.optim.Adam(net.parameters(), lr=1e-2)
for epoch in range(20):
    for i in range(0, 600, 60):
        loss = nn.functional.mse_loss(net(x[i : i + 60]), x[i : i + 60])
        opt.zero_grad()
        loss.backward()
        opt.step()
    print(epoch, loss.item(), net.seen.std())
