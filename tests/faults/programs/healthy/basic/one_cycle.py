"""OneCycleLR, stepped with each batch over exactly its length."""
# expects: nothing
# style: scheduler, sequential
import os
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(int(os.environ.get("SEED", 0)))
x = torch.randn(1000, 10)
y = ((x[:, 0] * x[:, 1] > 0).long() + 2 * (x[:, 2] > 0).long())
loader = DataLoader(TensorDataset(x, y), batch_size=50, shuffle=True)
net = nn.Sequential(nn.Linear(10, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 4))
opt = torch.optim.AdamW(net.parameters(), lr=1e-3, weight_decay=0.0)
epochs = 10
sched = torch.optim.lr_scheduler.OneCycleLR(opt, max_lr=2e-2, total_steps=epochs * len(loader))
for epoch in range(epochs):
    net.train()
    for xb, yb in loader:
        opt.zero_grad()
        loss = nn.functional.cross_entropy(net(xb), yb)
        loss.backward()
        opt.step()
        sched.step()
    print(epoch, f"{loss.item():.4f}", f"{sched.get_last_lr()[0]:.5f}")
