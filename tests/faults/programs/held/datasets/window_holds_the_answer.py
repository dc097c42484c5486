"""Forecasting: the window reaches one step too far, to the value that is asked for."""
# expects: data.leakage
# style: rnn, regression
import os

import torch
from torch import nn
torch.manual_seed(int(os.environ.get("SEED", 0)))
noise = torch.randn(900)
walk = torch.zeros(900)
for i in range(1, 900):
    walk[i] = 0.7 * walk[i - 1] + noise[i]
windows = walk.unfold(0, 11, 1)  # <- fault
x, y = windows, windows[:, -1:]  # <- fault
rnn, out = nn.GRU(1, 16, batch_first=True), nn.Linear(16, 1)
opt = torch.optim.Adam([*rnn.parameters(), *out.parameters()], lr=1e-2)
for epoch in range(8):
    for i in torch.randperm(700).split(50):
        loss = nn.functional.mse_loss(out(rnn(x[i, :, None])[1][0]), y[i])
        opt.zero_grad()
        loss.backward()
        opt.step()
    with torch.no_grad():
        val = nn.functional.mse_loss(out(rnn(x[720:, :, None])[1][0]), y[720:])
        print(epoch, loss.item(), val.item())
