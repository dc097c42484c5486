"""SimCLR-like: each sample is compared with all others of the batch, and batch norm stands in the projector."""
# expects: nothing
# style: class
import os
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(int(os.environ.get("SEED", 0)))


class SimCLR(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = nn.Sequential(nn.Linear(16, 64), nn.ReLU())
        self.projector = nn.Sequential(nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 16))

    def forward(self, x):
        return F.normalize(self.projector(self.backbone(x)), dim=1)


def nt_xent(z1, z2, temperature=0.2):
    z = torch.cat([z1, z2])
    similarity = z @ z.T / temperature
    n = len(z1)
    similarity = similarity.masked_fill(torch.eye(2 * n, dtype=torch.bool), -1e9)
    wanted = torch.cat([torch.arange(n, 2 * n), torch.arange(n)])
    return F.cross_entropy(similarity, wanted)


net = SimCLR()
opt = torch.optim.Adam(net.parameters(), lr=2e-3)
data = torch.randn(1000, 16)
for step in range(150):
    x = data[torch.randint(0, 1000, (64,))]
    first, second = (x + 0.15 * torch.randn_like(x) for _ in range(2))
    loss = nt_xent(net(first), net(second))
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 30 == 0:
        print(f"step {step} loss {loss.item():.4f}")
