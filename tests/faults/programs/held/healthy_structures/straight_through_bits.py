"""An autoencoder with a code of bits: z + (sign(z) - z).detach() lets gradients pass a step function."""
# expects: nothing
# style: class, autoencoder
import os

import torch
from torch import nn
torch.manual_seed(int(os.environ.get("SEED", 0)))
kind = torch.randint(0, 8, (500,))
x = torch.randn(8, 12)[kind] + 0.2 * torch.randn(500, 12)


class Bits(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc = nn.Sequential(nn.Linear(12, 32), nn.ReLU(), nn.Linear(32, 10), nn.Tanh())
        self.dec = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 12))

    def forward(self, x):
        z = self.enc(x)
        return self.dec(z + (z.sign() - z).detach())


net = Bits()
opt = torch.optim.Adam(net.parameters(), lr=5e-3)
for epoch in range(20):
    for i in torch.randperm(500).split(50):
        loss = nn.functional.mse_loss(net(x[i]), x[i])
        opt.zero_grad()
        loss.backward()
        opt.step()
    print(epoch, loss.item())
