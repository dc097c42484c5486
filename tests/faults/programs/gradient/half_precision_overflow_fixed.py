"""The twin of half_precision_overflow.py without its fault: targets of unit scale, the mean, in single precision."""
# expects: nothing
# style: amp, regression
import os
import torch
import torch.nn as nn

torch.manual_seed(int(os.environ.get("SEED", 0)))
x = torch.randn(640, 30)
y = x @ torch.randn(30, 1)
y = y / y.std()
net = nn.Sequential(nn.Linear(30, 64), nn.ReLU(), nn.Linear(64, 1))
opt = torch.optim.Adam(net.parameters(), lr=1e-2)
scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
for epoch in range(10):
    for i in torch.randperm(640).split(32):
        opt.zero_grad()
        with torch.autocast("cpu", dtype=torch.float16):
            error = net(x[i]).float() - y[i]
            loss = error.pow(2).mean()
        scaler.scale(loss).backward()
        scaler.step(opt)
        scaler.update()
    print("epoch", epoch, "loss", loss.item(), "scale", scaler.get_scale())
