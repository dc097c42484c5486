"""torch.func: gradients by grad(functional_call), written into .grad by hand before the step."""
# expects: nothing
# style: functions, regression
import os
import torch
from torch import nn
from torch.func import functional_call, grad

torch.manual_seed(int(os.environ.get("SEED", 0)))
net = nn.Sequential(nn.Linear(3, 32), nn.Tanh(), nn.Linear(32, 1))
x = torch.randn(600, 3)
y = torch.sin(x[:, :1]) + 0.5 * x[:, 1:2]
opt = torch.optim.Adam(net.parameters(), lr=1e-2)


def loss_of(params, xb, yb):
    return nn.functional.mse_loss(functional_call(net, params, (xb,)), yb)


for epoch in range(12):
    for rows in torch.randperm(600).split(40):
        params = dict(net.named_parameters())
        gradients = grad(loss_of)({k: p.detach() for k, p in params.items()}, x[rows], y[rows])
        for name, p in params.items():
            p.grad = gradients[name]
        opt.step()
    with torch.no_grad():
        print(epoch, nn.functional.mse_loss(net(x), y).item())
