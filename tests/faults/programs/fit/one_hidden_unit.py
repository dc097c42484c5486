"""One hidden unit for a task of eight classes: the loss stays far above what is possible (catalogue: model too small)."""
# expects: fit.underfitting
# style: sequential
import os
import torch
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))
k = torch.randint(0, 8, (1200,))
corner = torch.stack([(k >> b) & 1 for b in range(3)], 1).float() * 2 - 1
x = corner + 0.25 * torch.randn(1200, 3)
model = nn.Sequential(nn.Linear(3, 1), nn.Tanh(), nn.Linear(1, 8))  # <- fault
opt = torch.optim.Adam(model.parameters(), lr=5e-3)
for epoch in range(15):
    for i in torch.randperm(1000).split(50):
        loss = nn.functional.cross_entropy(model(x[i]), k[i])
        opt.zero_grad()
        loss.backward()
        opt.step()
    with torch.no_grad():
        print(epoch, loss.item(), (model(x[1000:]).argmax(1) == k[1000:]).float().mean().item())
