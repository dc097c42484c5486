"""Model, optimiser and schedule are saved and loaded again in the middle; the loss starts low after that."""
# expects: nothing
# style: scheduler, class
import os
import tempfile
import torch
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))
x = torch.randn(800, 8)
y = (x @ torch.randn(8, 4)).argmax(1)


def build():
    net = nn.Sequential(nn.Linear(8, 48), nn.ReLU(), nn.Linear(48, 4))
    opt = torch.optim.Adam(net.parameters(), lr=1e-2)
    return net, opt, torch.optim.lr_scheduler.StepLR(opt, 3, gamma=0.5)


def epochs(net, opt, sched, first, last):
    for epoch in range(first, last):
        for rows in torch.randperm(800).split(40):
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
            opt.zero_grad()
            loss.backward()
            opt.step()
        sched.step()
        print(epoch, loss.item())


parts = build()
epochs(*parts, 0, 5)
with tempfile.TemporaryDirectory() as folder:
    torch.save([p.state_dict() for p in parts], os.path.join(folder, "state.pt"))
    parts = build()
    for part, state in zip(parts, torch.load(os.path.join(folder, "state.pt"))):
        part.load_state_dict(state)
epochs(*parts, 5, 9)
