"""Fine-tuning layer by layer: the body is loaded and frozen, its last block joins the optimiser after two epochs."""
# expects: nothing
# style: class
import os

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(int(os.environ.get("SEED", 0)))


class Net(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.first = nn.Sequential(nn.Linear(10, 32), nn.BatchNorm1d(32), nn.ReLU())
        self.second = nn.Sequential(nn.Linear(32, 32), nn.ReLU())
        self.head = nn.Linear(32, classes)

    def forward(self, x):
        return self.head(self.second(self.first(x)))


def epochs(model, optimizer, loader, number):
    for _ in range(number):
        model.train()
        for x, y in loader:
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
    return loss.item()


x = torch.randn(600, 10)
old, new = x[:, :5].argmax(1), x[:, 2:5].argmax(1)
teacher = Net(5)
epochs(teacher, torch.optim.Adam(teacher.parameters(), lr=5e-3), DataLoader(TensorDataset(x, old), 40, shuffle=True), 4)
model = Net(3)
model.load_state_dict({k: v for k, v in teacher.state_dict().items() if not k.startswith("head")}, strict=False)
for p in [*model.first.parameters(), *model.second.parameters()]:
    p.requires_grad_(False)
optimizer = torch.optim.Adam(model.head.parameters(), lr=1e-2)
loader = DataLoader(TensorDataset(x, new), 40, shuffle=True)
print("head alone", epochs(model, optimizer, loader, 2))
for p in model.second.parameters():
    p.requires_grad_(True)
optimizer.add_param_group({"params": model.second.parameters(), "lr": 1e-3})
print("with the last block", epochs(model, optimizer, loader, 4))
