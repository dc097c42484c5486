"""The twin of constant_cnn.py without its fault: Kaiming."""
# expects: nothing
# style: cnn, class
import os

import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(int(os.environ.get("SEED", 0)))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, 3, padding=1)
        self.conv2 = nn.Conv2d(8, 8, 3, padding=1)
        self.fc = nn.Linear(8 * 9, 4)
        self.init_weights()

    def init_weights(self):
        for m in self.modules():
            if isinstance(m, (nn.Conv2d, nn.Linear)):
                nn.init.kaiming_normal_(m.weight)
                nn.init.zeros_(m.bias)

    def forward(self, x):
        x = nn.functional.max_pool2d(torch.relu(self.conv1(x)), 2)
        x = nn.functional.max_pool2d(torch.relu(self.conv2(x)), 2)
        return self.fc(x.flatten(1))


y = torch.randint(0, 4, (800,))
lines = torch.stack([torch.eye(12), torch.eye(12).flip(0), torch.zeros(12, 12), torch.zeros(12, 12)])
lines[2, 5] = 1
lines[3, :, 5] = 1
x = torch.stack([lines[k].roll(tuple(torch.randint(-4, 5, (2,)).tolist()), (0, 1)) for k in y.tolist()])
x = (x + 0.3 * torch.randn(800, 12, 12)).unsqueeze(1)
model = Net()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
loader = DataLoader(TensorDataset(x, y), batch_size=40, shuffle=True)
for epoch in range(8):
    for xb, yb in loader:
        loss = nn.functional.cross_entropy(model(xb), yb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print("epoch", epoch, "loss", round(loss.item(), 4))
