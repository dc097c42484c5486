"""Every gradient is far above the clip of 0.01; the rate is as large as that demands."""
# expects: nothing
# style: rnn, class
import os

import torch
from torch import nn
torch.manual_seed(int(os.environ.get("SEED", 0)))
x = torch.randn(400, 9, 2)
y = x[:, :, 0].sum(1, keepdim=True) / 3
rnn, fc = nn.GRU(2, 24, batch_first=True), nn.Linear(24, 1)
both = nn.ModuleList([rnn, fc])
opt = torch.optim.SGD(both.parameters(), lr=5.0, momentum=0.5)
for epoch in range(15):
    for i in torch.randperm(400).split(40):
        loss = nn.functional.mse_loss(fc(rnn(x[i])[1][0]), y[i])
        opt.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(both.parameters(), 0.01)
        opt.step()
    print(epoch, loss.item())
