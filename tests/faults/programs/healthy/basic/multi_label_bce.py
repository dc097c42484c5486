"""Several labels for each sample, logits into BCEWithLogitsLoss with weights for rare labels."""
# expects: nothing
# style: multilabel, sequential
import os
import torch
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))
x = torch.randn(1200, 16)
scores = x @ torch.randn(16, 5)
y = (scores > torch.tensor([0.0, 1.0, 2.0, -1.0, 3.0])).float()
net = nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 5))
weight = (1 - y[:900].mean(0)) / y[:900].mean(0)
criterion = nn.BCEWithLogitsLoss(pos_weight=weight)
opt = torch.optim.Adam(net.parameters(), lr=5e-3)
for epoch in range(10):
    for rows in torch.randperm(900).split(45):
        loss = criterion(net(x[rows]), y[rows])
        opt.zero_grad()
        loss.backward()
        opt.step()
    with torch.no_grad():
        right = ((net(x[900:]) > 0) == y[900:].bool()).float().mean()
    print(f"epoch {epoch} loss {loss.item():.4f} labels right {right:.3f}")
