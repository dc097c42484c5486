"""A CNN on 80 noisy digits without any regularisation, trained for 100 epochs (overfitting, DeepFD: too many epochs)."""
# expects: fit.overfitting
# style: cnn, sequential
import os

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(int(os.environ.get("SEED", 0)))
d = load_digits()
x = torch.tensor(d.images, dtype=torch.float32).unsqueeze(1) / 8 - 1
x = x + 1.0 * torch.randn_like(x)
y = torch.tensor(d.target)
order = torch.randperm(1797)
few, rest = order[:80], order[80:580]  # <- fault
loader = DataLoader(TensorDataset(x[few], y[few]), batch_size=20, shuffle=True)
net = nn.Sequential(
    nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, 32, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(2048, 10)
)
opt = torch.optim.Adam(net.parameters(), lr=1e-3)
loss_fn = nn.CrossEntropyLoss()
for epoch in range(40):
    net.train()
    for xb, yb in loader:
        loss = loss_fn(net(xb), yb)
        opt.zero_grad()
        loss.backward()
        opt.step()
    net.eval()
    with torch.no_grad():
        val = loss_fn(net(x[rest]), y[rest]).item()
    if epoch % 4 == 3:
        print(f"epoch {epoch + 1}: train {loss.item():.4f} val {val:.4f}")
