"""The twin of time_decay_kills_the_rate.py without its fault: constant 0.001."""
# expects: nothing
# style: scheduler, cnn
import os
import torch
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))
k = torch.randint(0, 4, (600,))
x = 0.7 * torch.randn(600, 1, 8, 8)
for q in range(4):
    x[k == q, :, 4 * (q // 2) : 4 * (q // 2) + 4, 4 * (q % 2) : 4 * (q % 2) + 4] += 0.7
net = nn.Sequential(nn.Conv2d(1, 12, 3), nn.ReLU(), nn.Conv2d(12, 12, 3), nn.ReLU(), nn.Flatten(), nn.Linear(192, 4))
opt = torch.optim.SGD(net.parameters(), lr=0.02, momentum=0.9)
decay = torch.optim.lr_scheduler.LambdaLR(opt, lambda t: 1.0 / (1.0 + 0.001 * t))
for epoch in range(8):
    for rows in torch.randperm(600).split(30):
        loss = nn.functional.cross_entropy(net(x[rows]), k[rows])
        opt.zero_grad()
        loss.backward()
        opt.step()
        decay.step()
    print(f"epoch {epoch} loss {loss.item():.4f} lr {decay.get_last_lr()[0]:.2e}")
