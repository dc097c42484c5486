"""Time and batch are exchanged by view instead of transpose, so samples flow into each other (Karpathy's recipe)."""
# expects: model.samples_mixed
# style: rnn, class
import os

import torch
import torch.nn as nn

torch.manual_seed(int(os.environ.get("SEED", 0)))


class SeqNet(nn.Module):
    def __init__(self, features=4, hidden=20, classes=3):
        super().__init__()
        self.lstm = nn.LSTM(features, hidden)
        self.fc = nn.Linear(hidden, classes)

    def forward(self, x):
        n, t, f = x.shape
        x = x.view(t, n, f)  # <- fault
        out, _ = self.lstm(x)
        return self.fc(out[-1])


n, t = 600, 10
channel = torch.randint(0, 3, (n,))
x = torch.randn(n, t, 4)
x[torch.arange(n), :, channel] += torch.linspace(0, 2, t)
model = SeqNet()
opt = torch.optim.Adam(model.parameters(), lr=1e-2)
for epoch in range(8):
    for rows in torch.randperm(500).split(25):
        opt.zero_grad()
        loss = nn.functional.cross_entropy(model(x[rows]), channel[rows])
        loss.backward()
        opt.step()
    with torch.no_grad():
        print("epoch", epoch, "loss", round(loss.item(), 3), "test", (model(x[500:]).argmax(1) == channel[500:]).float().mean().item())
