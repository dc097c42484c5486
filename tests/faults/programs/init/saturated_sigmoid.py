"""Sigmoid units behind weights from N(0, 5): nearly all sit at 0 or 1 (catalogue: saturated sigmoid)."""
# expects: model.saturated_units, init.scale, gradient.vanishing
# style: regression, class
import os
import torch
import torch.nn as nn

torch.manual_seed(int(os.environ.get("SEED", 0)))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(8, 60)
        self.b = nn.Linear(60, 60)
        self.c = nn.Linear(60, 1)
        for layer in (self.a, self.b):
            nn.init.normal_(layer.weight, 0, 5.0)  # <- fault

    def forward(self, x):
        x = torch.sigmoid(self.a(x))
        x = torch.sigmoid(self.b(x))
        return self.c(x)


features = torch.randn(700, 8)
target = (features[:, :2].prod(1) + features[:, 2]).unsqueeze(1)
net = Net()
opt = torch.optim.Adam(net.parameters(), lr=5e-3)
for epoch in range(25):
    for rows in torch.randperm(600).split(30):
        loss = nn.functional.mse_loss(net(features[rows]), target[rows])
        opt.zero_grad()
        loss.backward()
        opt.step()
    if epoch % 6 == 0:
        with torch.no_grad():
            print(f"epoch {epoch} train {loss.item():.3f} val {nn.functional.mse_loss(net(features[600:]), target[600:]).item():.3f}")
