"""ExponentialLR(0.5) is stepped for each batch: after an epoch the rate is about 1e-7 (catalogue: rhythm, zero)."""
# expects: lr.schedule_rhythm, lr.zero, lr.too_low
# style: scheduler, cnn
import os
import torch
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))
n = 640
kind = torch.randint(0, 3, (n,))
t = torch.linspace(0, 1, 32)
freq = torch.tensor([2.0, 4.0, 7.0])[kind]
signal = torch.sin(2 * torch.pi * (freq[:, None] * t + torch.rand(n, 1))) + 0.8 * torch.randn(n, 32)
signal = signal.unsqueeze(1)

net = nn.Sequential(
    nn.Conv1d(1, 16, 7, padding=3), nn.ReLU(), nn.Conv1d(16, 16, 7, padding=3), nn.ReLU(), nn.AdaptiveMaxPool1d(1), nn.Flatten(), nn.Linear(16, 3)
)
opt = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
decay = torch.optim.lr_scheduler.ExponentialLR(opt, gamma=0.8)
for epoch in range(12):
    for idx in torch.randperm(n).split(20):
        loss = nn.functional.cross_entropy(net(signal[idx]), kind[idx])
        opt.zero_grad()
        loss.backward()
        opt.step()
        decay.step()  # <- fault
    print("epoch", epoch, "loss", round(loss.item(), 4), "lr", opt.param_groups[0]["lr"])
