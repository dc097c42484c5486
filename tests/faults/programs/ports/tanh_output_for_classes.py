"""Class scores leave through tanh, so no probability can pass 1/(1+(K-1)e^-2) (DeepFD: wrong activation of the last layer)."""
# expects: loss.wrong_kind, fit.underfitting, model.saturated_units, loss.softmax_before_cross_entropy
# style: sequential, functions
import os
import torch
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))
K = 8
y = torch.randint(0, K, (1200,))
x = 1.5 * torch.randn(K, 12)[y] + torch.randn(1200, 12)
net = nn.Sequential(nn.Linear(12, 48), nn.ReLU(), nn.Linear(48, K), nn.Tanh())  # <- fault
opt = torch.optim.Adam(net.parameters(), lr=3e-3)


def epoch_of(rows):
    total = 0.0
    for b in rows.split(40):
        loss = nn.functional.cross_entropy(net(x[b]), y[b])
        opt.zero_grad()
        loss.backward()
        opt.step()
        total += loss.item() * len(b)
    return total / len(rows)


for epoch in range(15):
    print("epoch", epoch, "loss", epoch_of(torch.randperm(1000)))
