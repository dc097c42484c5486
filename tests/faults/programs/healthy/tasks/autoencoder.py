"""A convolutional autoencoder; the targets are the inputs."""
# expects: nothing
# style: cnn, class
import os
import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))


class AE(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc = nn.Sequential(nn.Conv2d(1, 8, 3, stride=2, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(128, 16))
        self.dec = nn.Sequential(nn.Linear(16, 128), nn.ReLU(), nn.Unflatten(1, (8, 4, 4)), nn.ConvTranspose2d(8, 1, 2, stride=2))

    def forward(self, x):
        return self.dec(self.enc(x))


x = torch.tensor(load_digits().images, dtype=torch.float32)[:, None] / 16
net = AE()
opt = torch.optim.Adam(net.parameters(), lr=5e-3)
for epoch in range(6):
    for rows in torch.randperm(1500).split(50):
        loss = nn.functional.mse_loss(net(x[rows]), x[rows])
        opt.zero_grad()
        loss.backward()
        opt.step()
    with torch.no_grad():
        print(epoch, loss.item(), nn.functional.mse_loss(net(x[1500:]), x[1500:]).item())
