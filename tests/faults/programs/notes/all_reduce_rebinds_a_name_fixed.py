"""The twin of all_reduce_rebinds_a_name.py without its fault: the sum is written into both gradients."""
# expects: nothing
# style: two_optimizers, functions
import os
import torch
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))


def make_net():
    return nn.Sequential(nn.Linear(6, 24), nn.ReLU(), nn.Linear(24, 1))


def allreduce(data):
    for other in data[1:]:
        data[0] += other
    for other in data[1:]:
        other.copy_(data[0])


nets = [make_net(), make_net()]
nets[1].load_state_dict(nets[0].state_dict())
optimizers = [torch.optim.SGD(n.parameters(), lr=0.05) for n in nets]
X = torch.randn(800, 6)
y = (X[:, :1] - X[:, 1:2] * X[:, 2:3]).detach()
for epoch in range(10):
    for i in torch.randperm(800).split(40):
        shards = i.chunk(2)
        for net, opt, rows in zip(nets, optimizers, shards):
            opt.zero_grad()
            loss = nn.functional.mse_loss(net(X[rows]), y[rows])
            loss.backward()
        for params in zip(*(net.parameters() for net in nets)):
            allreduce([p.grad for p in params])
        for opt in optimizers:
            opt.step()
    with torch.no_grad():
        apart = sum((a - b).abs().sum().item() for a, b in zip(nets[0].parameters(), nets[1].parameters()))
    print(f"epoch {epoch + 1} loss {loss.item():.4f} copies differ by {apart:.4f}")
