"""Training on -1..1, but the function that predicts forgets the centring and feeds 0..255 (serving skew)."""
# expects: data.other_statistics_at_prediction
# style: cnn, functions
import os

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))
d = load_digits()
bytes_ = torch.tensor(d.images).mul(15).to(torch.uint8)[:, None]
y = torch.tensor(d.target)
idx = torch.randperm(len(y), generator=torch.Generator().manual_seed(1))
train, test = idx[:1300], idx[1300:]

net = nn.Sequential(
    nn.Conv2d(1, 10, 3), nn.ReLU(), nn.Conv2d(10, 10, 3), nn.ReLU(), nn.Flatten(), nn.Linear(160, 10)
)
opt = torch.optim.Adam(net.parameters(), lr=3e-3)


def fit_epoch():
    net.train()
    for part in train[torch.randperm(1300)].split(50):
        x = (bytes_[part].float() / 255 - 0.5) / 0.5
        loss = nn.functional.cross_entropy(net(x), y[part])
        opt.zero_grad()
        loss.backward()
        opt.step()
    return loss.item()


@torch.no_grad()
def predict(images):
    net.eval()
    return net(images.float()).argmax(1)  # <- fault


for epoch in range(6):
    loss = fit_epoch()
    print(f"{epoch}: loss {loss:.3f} test accuracy {(predict(bytes_[test]) == y[test]).float().mean():.3f}")
