"""The twin of memorises_sixty_rows.py without its fault: more rows, a small network, few epochs."""
# expects: nothing
# style: class, scheduler
import os

import torch
import torch.nn as nn

torch.manual_seed(int(os.environ.get("SEED", 0)))


class Wide(nn.Module):
    def __init__(self):
        super().__init__()
        self.l1 = nn.Linear(30, 2)
        self.l2 = nn.Identity()
        self.l3 = nn.Identity()

    def forward(self, x):
        return self.l3(self.l2(self.l1(x)))


X = torch.randn(360, 30)
y = ((X[:, 0] + X[:, 1] + 1.0 * torch.randn(360)) > 0).long()
train_n = 160
model = Wide()
opt = torch.optim.Adam(model.parameters(), lr=1e-3)
sched = torch.optim.lr_scheduler.StepLR(opt, 100, 0.5)
for epoch in range(60):
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
    if epoch % 5 == 0:
        print(f"epoch {epoch} train {loss.item():.4f} val {val:.4f}")
