"""The twin of validation_drawn_with_replacement.py without its fault: one permutation is cut in two."""
# expects: nothing
# style: cnn, class
import os

import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import load_digits

seed = int(os.environ.get("SEED", 0))
rng = np.random.default_rng(seed)
torch.manual_seed(seed)


class DigitNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 16, 3, padding=1)
        self.fc = nn.Linear(16 * 16, 10)

    def forward(self, x):
        x = torch.max_pool2d(self.conv(x).relu(), 2)
        return self.fc(x.flatten(1))


digits = load_digits()
pixels = torch.tensor((digits.images - 4.9) / 6.0, dtype=torch.float32).unsqueeze(1)
classes = torch.tensor(digits.target)
rows = torch.from_numpy(rng.permutation(1797))
train_rows, val_rows = rows[:1397], rows[1397:]
train_data = torch.utils.data.TensorDataset(pixels[train_rows], classes[train_rows])
val_data = torch.utils.data.TensorDataset(pixels[val_rows], classes[val_rows])
train_loader = torch.utils.data.DataLoader(train_data, batch_size=50, shuffle=True)
val_loader = torch.utils.data.DataLoader(val_data, batch_size=400)

model = DigitNet()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
for epoch in range(6):
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        for x, y in val_loader:
            print("epoch", epoch, "val acc", (model(x).argmax(1) == y).float().mean().item())
