"""fp16 with a scaler whose first scale is too large: it halves a few times, then trains normally."""
# expects: nothing
# style: amp, sequential
import os
import torch
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))
y = torch.randint(0, 4, (800,))
x = 1.3 * torch.randn(4, 10)[y] + torch.randn(800, 10)
net = nn.Sequential(nn.Linear(10, 48), nn.ReLU(), nn.Linear(48, 4))
opt = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
scaler = torch.amp.GradScaler("cpu", init_scale=2.0**18)
for epoch in range(8):
    for rows in torch.randperm(800).split(40):
        opt.zero_grad()
        with torch.autocast("cpu", dtype=torch.float16):
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
        scaler.scale(loss).backward()
        scaler.unscale_(opt)
        nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        scaler.step(opt)
        scaler.update()
    print(epoch, loss.item(), scaler.get_scale())
