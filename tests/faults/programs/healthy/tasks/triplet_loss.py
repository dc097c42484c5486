"""Embeddings by TripletMarginLoss; a loss of exactly zero is reached and is a good sign."""
# expects: nothing
# style: class
import os
import torch
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))
means = 1.5 * torch.randn(5, 10)


def draw(n):
    a = torch.randint(0, 5, (n,))
    b = (a + torch.randint(1, 5, (n,))) % 5
    return (means[k] + 0.7 * torch.randn(n, 10) for k in (a, a, b))


class Embedder(nn.Module):
    def __init__(self):
        super().__init__()
        self.f = nn.Sequential(nn.Linear(10, 48), nn.ReLU(), nn.Linear(48, 8))

    def forward(self, x):
        return nn.functional.normalize(self.f(x), dim=1)


net = Embedder()
opt = torch.optim.Adam(net.parameters(), lr=3e-3)
triplet = nn.TripletMarginLoss(margin=0.3)
for step in range(200):
    anchor, same, other = draw(48)
    loss = triplet(net(anchor), net(same), net(other))
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 40 == 0:
        print(step, loss.item())
