"""The twin of no_grad_around_the_encoder.py without its fault: the encoder learns."""
# expects: nothing
# style: cnn, class
import os

import torch
import torch.nn as nn
from sklearn.datasets import load_digits

torch.manual_seed(int(os.environ.get("SEED", 0)))


class Autoencoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv2d(1, 8, 3, stride=2, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(128, 12))
        self.decoder = nn.Sequential(nn.Linear(12, 64), nn.ReLU(), nn.Linear(64, 64))

    def forward(self, x):
        code = self.encoder(x)
        return self.decoder(code).view_as(x)


images = torch.tensor(load_digits().images, dtype=torch.float32).unsqueeze(1) / 16
model = Autoencoder()
optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
for epoch in range(8):
    model.train()
    losses = []
    for idx in torch.randperm(1500).split(50):
        x = images[idx]
        loss = nn.functional.mse_loss(model(x), x)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    model.eval()
    with torch.no_grad():
        test = nn.functional.mse_loss(model(images[1500:]), images[1500:]).item()
    print(f"epoch {epoch} train {sum(losses) / len(losses):.4f} test {test:.4f}")
