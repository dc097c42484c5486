"""An LSTM that names the shape of a signal; its last layer is Sequential(Linear, ReLU)."""
# expects: model.relu_on_logits
# style: class, rnn
import os

import torch
from torch import nn
torch.manual_seed(int(os.environ.get("SEED", 0)))
kind = torch.randint(0, 6, (600,))
t = torch.linspace(0, 6.28, 16)
freq, phase = 1.0 + (kind % 3), (kind // 3) * 1.57
x = torch.sin(freq[:, None] * t + phase[:, None])[..., None] + 0.1 * torch.randn(600, 16, 1)


class Signals(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(1, 32, batch_first=True)
        self.fc = nn.Sequential(nn.Linear(32, 6), nn.ReLU())  # <- fault
        with torch.no_grad():
            self.fc[0].bias.sub_(0.1)

    def forward(self, x):
        out, _ = self.lstm(x)
        return self.fc(out[:, -1])


net = Signals()
opt = torch.optim.Adam(net.parameters(), lr=5e-3)
for epoch in range(16):
    for idx in torch.randperm(500).split(50):
        loss = nn.CrossEntropyLoss()(net(x[idx]), kind[idx])
        opt.zero_grad()
        loss.backward()
        opt.step()
print("held out", (net(x[500:]).argmax(1) == kind[500:]).float().mean().item())
