"""A router picks one of four experts; in a given batch an expert may see no sample at all."""
# expects: nothing
# style: class, regression
import os
import torch
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))


class MoE(nn.Module):
    def __init__(self, d=5, experts=4):
        super().__init__()
        self.router = nn.Linear(d, experts)
        self.experts = nn.ModuleList(nn.Sequential(nn.Linear(d, 24), nn.ReLU(), nn.Linear(24, 1)) for _ in range(experts))

    def forward(self, x):
        gate = self.router(x).softmax(1)
        weight, pick = gate.max(1)
        out = torch.zeros(len(x), 1)
        for k, expert in enumerate(self.experts):
            rows = (pick == k).nonzero().squeeze(1)
            if len(rows):
                out = out.index_add(0, rows, weight[rows, None] * expert(x[rows]))
        return out, gate


x = torch.randn(900, 5)
y = torch.where(x[:, :1] > 0, x[:, 1:2] * 2, -x[:, 2:3]) + 0.05 * torch.randn(900, 1)
net = MoE()
opt = torch.optim.Adam(net.parameters(), lr=5e-3)
for epoch in range(20):
    for rows in torch.randperm(900).split(45):
        out, gate = net(x[rows])
        balance = (gate.mean(0) ** 2).sum() * 4
        loss = nn.functional.mse_loss(out, y[rows]) + 0.02 * balance
        opt.zero_grad()
        loss.backward()
        opt.step()
    print(f"epoch {epoch} loss {loss.item():.4f}")
