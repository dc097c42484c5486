"""An LSTM wants time first; view(T, N, F) is used to get there, and mixes the sequences of a batch."""
# expects: model.samples_mixed
# style: class, rnn
import os

import torch
from torch import nn
torch.manual_seed(int(os.environ.get("SEED", 0)))


class Sensor(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm, self.fc = nn.LSTM(3, 24), nn.Linear(24, 4)

    def forward(self, x):
        n, t, f = x.shape
        x = x.view(t, n, f)  # <- fault
        return self.fc(self.lstm(x)[0][-1])


y = torch.randint(0, 4, (480,))
x = torch.randn(480, 12, 3)
x[:, :, 0] += (y % 2)[:, None] * 1.0
x[:, :, 1] += (y // 2)[:, None] * 1.0
net = Sensor()
opt = torch.optim.Adam(net.parameters(), lr=5e-3)
for epoch in range(10):
    for i in torch.randperm(480).split(40):
        loss = nn.functional.cross_entropy(net(x[i]), y[i])
        opt.zero_grad()
        loss.backward()
        opt.step()
    print(epoch, loss.item())
