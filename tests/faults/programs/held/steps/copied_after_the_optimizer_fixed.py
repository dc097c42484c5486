"""The twin of copied_after_the_optimizer.py without its fault: the optimiser follows the copy."""
# expects: nothing
# style: functions, sequential
import copy
import os

import torch
import torch.nn as nn

torch.manual_seed(int(os.environ.get("SEED", 0)))
x = torch.rand(400, 3) * 2 - 1
y = (x**2).sum(1, keepdim=True)


def prepare():
    model = nn.Sequential(nn.Linear(3, 32), nn.SiLU(), nn.Linear(32, 1))
    opt = torch.optim.Adam(model.parameters(), lr=0.01)
    start = copy.deepcopy(model)  # to compare with at the end
    return model, start, opt


net, other, opt = prepare()
for it in range(200):
    i = torch.randint(0, 400, (64,))
    opt.zero_grad()
    loss = nn.functional.mse_loss(net(x[i]), y[i])
    loss.backward()
    opt.step()
    if it % 50 == 0:
        print(it, loss.item())
print("last", loss.item())
