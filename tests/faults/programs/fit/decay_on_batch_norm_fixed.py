"""The twin of decay_on_batch_norm.py without its fault: decay for matrices and kernels alone."""
# expects: nothing
# style: cnn, sequential
import os

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(int(os.environ.get("SEED", 0)))
c = torch.randint(0, 4, (600,))
x = 0.6 * torch.randn(600, 2, 10, 10)
for k in range(4):
    x[c == k, k % 2, 2 + 3 * (k // 2) : 5 + 3 * (k // 2)] += 1.2
net = nn.Sequential(
    nn.Conv2d(2, 12, 3, bias=False), nn.BatchNorm2d(12), nn.ReLU(),
    nn.Conv2d(12, 12, 3, bias=False), nn.BatchNorm2d(12), nn.ReLU(),
    nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(48, 4),
)
decayed = [p for p in net.parameters() if p.dim() > 1]
plain = [p for p in net.parameters() if p.dim() == 1]
groups = [{"params": decayed, "weight_decay": 1e-3}, {"params": plain, "weight_decay": 0.0}]
opt = torch.optim.SGD(groups, lr=0.05, momentum=0.9)
loader = DataLoader(TensorDataset(x[:480], c[:480]), batch_size=24, shuffle=True)
for epoch in range(6):
    net.train()
    for xb, yb in loader:
        opt.zero_grad()
        loss = nn.functional.cross_entropy(net(xb), yb)
        loss.backward()
        opt.step()
    net.eval()
    with torch.no_grad():
        print(f"epoch {epoch}: loss {loss.item():.4f} val acc {(net(x[480:]).argmax(1) == c[480:]).float().mean():.3f}")
