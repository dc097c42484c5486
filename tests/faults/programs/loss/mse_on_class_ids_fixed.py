"""The twin of mse_on_class_ids.py without its fault: a score for each class and cross-entropy."""
# expects: nothing
# style: functions
import os
import torch
import torch.nn.functional as F

seed = int(os.environ.get("SEED", 0))
torch.manual_seed(seed)

# rings of points; the class numbers have no order in space
n, k = 1400, 7
place = torch.tensor([3, 0, 5, 1, 6, 2, 4])
labels = torch.randint(0, k, (n,))
theta = 2 * torch.pi * (place[labels] + 0.7 * torch.rand(n)) / k
x = torch.stack([theta.cos(), theta.sin()], 1) * (1 + 0.1 * torch.randn(n, 1))

w1 = (torch.randn(2, 32) * 1.0).requires_grad_()
b1 = torch.zeros(32, requires_grad=True)
w2 = (torch.randn(32, k) * 0.18).requires_grad_()
b2 = torch.zeros(k, requires_grad=True)
params = [w1, b1, w2, b2]
opt = torch.optim.Adam(params, lr=0.01)


def net(x):
    return F.relu(x @ w1 + b1) @ w2 + b2


for epoch in range(20):
    for idx in torch.randperm(1000).split(50):
        pred = net(x[idx])
        loss = F.cross_entropy(pred, labels[idx])
        opt.zero_grad()
        loss.backward()
        opt.step()
    with torch.no_grad():
        acc = (net(x[1000:]).argmax(1) == labels[1000:]).float().mean()
    print(epoch, "loss", round(loss.item(), 3), "accuracy", round(acc.item(), 3))
