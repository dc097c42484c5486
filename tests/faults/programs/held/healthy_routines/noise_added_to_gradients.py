"""Private training: a clip for each sample, a sum, noise, and .grad set by hand."""
# expects: nothing
# style: functions, privacy
import os

import torch
from torch import nn
from torch.func import functional_call, grad, vmap

torch.manual_seed(int(os.environ.get("SEED", 0)))
x = torch.randn(500, 6)
y = (x[:, 0] - x[:, 1] > 0).long()
net = nn.Linear(6, 2)
opt = torch.optim.SGD(net.parameters(), lr=0.5)


def one(params, xi, yi):
    return nn.functional.cross_entropy(functional_call(net, params, (xi[None],)), yi[None])


for step in range(120):
    i = torch.randint(0, 500, (50,))
    params = {n: p.detach() for n, p in net.named_parameters()}
    each = vmap(grad(one), (None, 0, 0))(params, x[i], y[i])
    norm = torch.stack([g.flatten(1).norm(dim=1) for g in each.values()]).norm(dim=0)
    shrink = (1 / norm).clamp(max=1)
    for name, p in net.named_parameters():
        g = each[name]
        p.grad = ((g * shrink.view(-1, *[1] * (g.ndim - 1))).sum(0) + 0.5 * torch.randn_like(p)) / 50
    opt.step()
    if step % 30 == 0:
        print(step, nn.functional.cross_entropy(net(x), y).item())
