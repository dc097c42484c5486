"""Semi-supervised classes on a graph: the whole graph in each step, the loss over a mask of labelled nodes."""
# expects: nothing
# style: class
import os

import torch
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))
n, k = 240, 3
y = torch.arange(n) % k
near = (y[:, None] == y[None, :]).float() * 0.06 + 0.004
a = torch.bernoulli(torch.triu(near, 1))
a = a + a.T + torch.eye(n)
a = a / a.sum(1, keepdim=True)
x = torch.randn(n, 16) + nn.functional.one_hot(y, 16).float()
known = torch.zeros(n, dtype=torch.bool)
known[torch.randperm(n)[:60]] = True


class GCN(nn.Module):
    def __init__(self):
        super().__init__()
        self.one, self.two, self.drop = nn.Linear(16, 32), nn.Linear(32, k), nn.Dropout(0.3)

    def forward(self, x, a):
        return a @ self.two(self.drop(torch.relu(a @ self.one(x))))


model = GCN()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-2, weight_decay=5e-4)
for epoch in range(60):
    model.train()
    loss = nn.functional.cross_entropy(model(x, a)[known], y[known])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if epoch % 10 == 9:
        model.eval()
        with torch.no_grad():
            right = model(x, a).argmax(1) == y
        print(f"epoch {epoch} loss {loss:.3f} acc {right[~known].float().mean():.3f}")
