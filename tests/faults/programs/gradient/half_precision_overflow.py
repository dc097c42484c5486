"""A sum of squares is taken in half precision and passes 65,504: steps are skipped, the scale halves again and again."""
# expects: precision.overflow, loss.not_finite
# style: amp, regression
import os
import torch
import torch.nn as nn

torch.manual_seed(int(os.environ.get("SEED", 0)))
x = torch.randn(640, 30)
y = x @ torch.randn(30, 1)
y = 90 * y / y.std()
net = nn.Sequential(nn.Linear(30, 64), nn.ReLU(), nn.Linear(64, 1))
opt = torch.optim.Adam(net.parameters(), lr=1e-2)
scaler = torch.amp.GradScaler("cpu")
for epoch in range(10):
    for i in torch.randperm(640).split(32):
        opt.zero_grad()
        with torch.autocast("cpu", dtype=torch.float16):
            error = net(x[i]) - y[i].half()
            loss = error.half().pow(2).sum()  # <- fault
        scaler.scale(loss).backward()
        scaler.step(opt)
        scaler.update()
    print("epoch", epoch, "loss", loss.item(), "scale", scaler.get_scale())
