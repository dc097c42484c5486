"""Between encoder and decoder the code goes through NumPy for a printout, and comes back without its graph."""
# expects: model.detached_graph, step.parameters_not_updated
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
        return self.decoder(torch.from_numpy(self.seen))  # <- fault


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
