"""The twin of binary_loss_for_many_classes.py without its fault: scores and cross-entropy at a usual rate."""
# expects: nothing
# style: class
import os
import torch
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(10, 30)
        self.fc2 = nn.Linear(30, 12)

    def forward(self, x):
        return self.fc2(torch.relu(self.fc1(x)))


label = torch.randint(0, 12, (1200,))
x = 1.3 * torch.randn(12, 10)[label] + torch.randn(1200, 10)
onehot = torch.zeros(1200, 12).scatter_(1, label[:, None], 1.0)
net = Net()
loss_fn = nn.CrossEntropyLoss()
opt = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
for epoch in range(10):
    for rows in torch.randperm(1000).split(50):
        loss = loss_fn(net(x[rows]), onehot[rows])
        opt.zero_grad()
        loss.backward()
        opt.step()
    with torch.no_grad():
        print(epoch, round(loss.item(), 4), (net(x[1000:]).argmax(1) == label[1000:]).float().mean().item())
