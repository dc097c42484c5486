"""The twin of lora_base_trained_adapter_not.py without its fault: the parameters that ask for a gradient."""
# expects: nothing
# style: lora, class
import os

import torch
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))


class LoRALinear(nn.Module):
    def __init__(self, base, rank=4):
        super().__init__()
        self.base = base
        for p in self.base.parameters():
            p.requires_grad = False
        self.A = nn.Parameter(torch.randn(rank, base.in_features) / base.in_features**0.5)
        self.B = nn.Parameter(torch.zeros(base.out_features, rank))

    def forward(self, x):
        return self.base(x) + x @ self.A.T @ self.B.T


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2, self.head = nn.Linear(10, 48), nn.Linear(48, 48), nn.Linear(48, 3)

    def forward(self, x):
        return self.head(torch.relu(self.fc2(torch.relu(self.fc1(x)))))


def train(net, params, x, y, epochs, lr):
    opt = torch.optim.Adam(params, lr=lr)
    for epoch in range(epochs):
        for rows in torch.randperm(len(x)).split(40):
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
            opt.zero_grad()
            loss.backward()
            opt.step()
        print(f"  epoch {epoch} loss {loss.item():.4f}")


x = torch.randn(800, 10)
old, new = (x @ torch.randn(10, 3)).argmax(1), (x @ torch.randn(10, 3)).argmax(1)
net = Net()
print("first task")
train(net, net.parameters(), x, old, 5, 5e-3)
net.fc1, net.fc2 = LoRALinear(net.fc1), LoRALinear(net.fc2)
print("second task, adapters")
train(net, [p for p in net.parameters() if p.requires_grad], x, new, 10, 5e-3)
