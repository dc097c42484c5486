"""A student learns from a teacher's softened probabilities: softmax outputs go into kl_div and cross_entropy as targets."""
# expects: nothing
# style: class, functions
import os
import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))
y = torch.randint(0, 6, (1000,))
x = 1.2 * torch.randn(6, 12)[y] + torch.randn(1000, 12)
teacher = nn.Sequential(nn.Linear(12, 96), nn.ReLU(), nn.Linear(96, 6))
student = nn.Sequential(nn.Linear(12, 16), nn.ReLU(), nn.Linear(16, 6))


def train(net, loss_of, epochs):
    opt = torch.optim.Adam(net.parameters(), lr=5e-3)
    for epoch in range(epochs):
        net.train()
        for rows in torch.randperm(800).split(40):
            loss = loss_of(net(x[rows]), rows)
            opt.zero_grad()
            loss.backward()
            opt.step()
        print(epoch, loss.item())


def distil(out, rows, T=3.0):
    with torch.no_grad():
        soft = F.softmax(teacher(x[rows]) / T, dim=1)
    return 0.5 * F.cross_entropy(out, y[rows]) + 0.5 * T * T * F.kl_div(F.log_softmax(out / T, 1), soft, reduction="batchmean")


train(teacher, lambda out, rows: F.cross_entropy(out, y[rows]), 5)
teacher.eval()
train(student, distil, 10)
