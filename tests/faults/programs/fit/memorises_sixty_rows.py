"""A wide network, sixty rows, three hundred epochs: training loss 0, validation loss climbs (catalogue: overfitting)."""
# expects: fit.overfitting
# style: class, scheduler
import os

import torch
import torch.nn as nn

torch.manual_seed(int(os.environ.get("SEED", 0)))


class Wide(nn.Module):
    def __init__(self):
        super().__init__()
        self.l1 = nn.Linear(30, 256)
        self.l2 = nn.Linear(256, 256)
        self.l3 = nn.Linear(256, 2)

    def forward(self, x):
        return self.l3(torch.relu(self.l2(torch.relu(self.l1(x)))))


X = torch.randn(360, 30)
y = ((X[:, 0] + X[:, 1] + 1.0 * torch.randn(360)) > 0).long()
train_n = 60  # <- fault
model = Wide()
opt = torch.optim.Adam(model.parameters(), lr=1e-3)
sched = torch.optim.lr_scheduler.StepLR(opt, 100, 0.5)
for epoch in range(120):  # <- fault
    model.train()
    for idx in torch.randperm(train_n).split(20):
        opt.zero_grad()
        loss = nn.functional.cross_entropy(model(X[idx]), y[idx])
        loss.backward()
        opt.step()
    sched.step()
    model.eval()
    with torch.no_grad():
        val = nn.functional.cross_entropy(model(X[160:]), y[160:]).item()
    if epoch % 10 == 0:
        print(f"epoch {epoch} train {loss.item():.4f} val {val:.4f}")
