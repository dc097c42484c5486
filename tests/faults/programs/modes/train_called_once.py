"""train() stands before the loop, eval() inside it: from the second epoch on training runs in evaluation mode."""
# expects: model.wrong_mode
# style: class, scheduler
import os
import torch
from torch import nn, optim

torch.manual_seed(int(os.environ.get("SEED", 0)))


class MLP(nn.Module):
    def __init__(self, inputs=15, outputs=4):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(inputs, 50), nn.BatchNorm1d(50), nn.ReLU(), nn.Dropout(0.2), nn.Linear(50, 50), nn.BatchNorm1d(50), nn.ReLU(), nn.Linear(50, outputs)
        )

    def forward(self, x):
        return self.net(x)


X = torch.randn(1000, 15)
y = torch.bucketize(X[:, :5].sum(1), torch.tensor([-1.5, 0.0, 1.5]))
net = MLP()
opt = optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
sched = optim.lr_scheduler.CosineAnnealingLR(opt, 10)
net.train()  # <- fault
for epoch in range(10):
    for part in torch.randperm(800).split(40):
        opt.zero_grad()
        loss = nn.functional.cross_entropy(net(X[part]), y[part])  # <- fault
        loss.backward()
        opt.step()
    sched.step()

    net.eval()  # <- fault
    with torch.no_grad():
        print(f"epoch {epoch}: {loss.item():.3f} / {nn.functional.cross_entropy(net(X[800:]), y[800:]).item():.3f}")
