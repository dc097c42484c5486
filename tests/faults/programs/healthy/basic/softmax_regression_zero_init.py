"""Softmax regression with all weights at zero: convex, so equal rows at the start do no harm."""
# expects: nothing
# style: functions
import os
import torch
import torch.nn.functional as F

torch.manual_seed(int(os.environ.get("SEED", 0)))
y = torch.randint(0, 4, (900,))
x = 1.2 * torch.randn(4, 8)[y] + torch.randn(900, 8)
W = torch.zeros(8, 4, requires_grad=True)
b = torch.zeros(4, requires_grad=True)
opt = torch.optim.SGD([W, b], lr=0.1)
for epoch in range(8):
    for rows in torch.randperm(700).split(35):
        loss = F.cross_entropy(x[rows] @ W + b, y[rows])
        opt.zero_grad()
        loss.backward()
        opt.step()
    with torch.no_grad():
        acc = ((x[700:] @ W + b).argmax(1) == y[700:]).float().mean()
    print(f"epoch {epoch}: loss {loss.item():.3f} test acc {acc:.3f}")
