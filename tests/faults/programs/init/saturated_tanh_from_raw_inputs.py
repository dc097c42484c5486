"""Readings around 1000 meet a tanh layer: each unit is at -1 or 1 and stays there (DeepFD: activation and missing scaling)."""
# expects: model.saturated_units, data.not_scaled, gradient.vanishing
# style: rnn, functions
import os
import torch
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))
N, T = 500, 12
level = 1000 + 50 * torch.randn(N, 1, 1)
trend = torch.randn(N, 1, 1)
series = level + 8 * trend * torch.arange(T).view(1, T, 1) + 5 * torch.randn(N, T, 1)
rises = (trend.view(N) > 0).long()
inputs = series  # <- fault

rnn = nn.RNN(1, 24, batch_first=True)
head = nn.Linear(24, 2)
opt = torch.optim.Adam([*rnn.parameters(), *head.parameters()], lr=3e-3)


def forward(x):
    states, last = rnn(x)
    return head(last[0])


for epoch in range(10):
    total = 0.0
    for i in torch.randperm(N).split(25):
        loss = nn.functional.cross_entropy(forward(inputs[i]), rises[i])
        opt.zero_grad()
        loss.backward()
        opt.step()
        total += loss.item() / 20
    print(f"epoch {epoch}: {total:.4f}")
