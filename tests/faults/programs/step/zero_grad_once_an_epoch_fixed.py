"""The twin of zero_grad_once_an_epoch.py without its fault: it stands in the inner loop."""
# expects: nothing
# style: cnn, scheduler, class
import os
import torch
import torch.nn as nn
from torch.optim import SGD
from torch.optim.lr_scheduler import MultiStepLR

torch.manual_seed(int(os.environ.get("SEED", 0)))


class TextureNet(nn.Module):
    def __init__(self, classes=3):
        super().__init__()
        self.conv = nn.Conv2d(1, 10, 5)
        self.pool = nn.AdaptiveAvgPool2d(2)
        self.fc = nn.Linear(40, classes)

    def forward(self, x):
        return self.fc(self.pool(self.conv(x).relu()).flatten(1))


n = 600
cls = torch.randint(0, 3, (n,))
noise = torch.randn(n, 1, 16, 16)
smooth = nn.functional.avg_pool2d(noise, 3, stride=1, padding=1) * 3
edges = noise - torch.roll(noise, 1, dims=-1)
images = torch.where((cls == 0)[:, None, None, None], noise, torch.where((cls == 1)[:, None, None, None], smooth, edges))

model = TextureNet()
opt = SGD(model.parameters(), lr=0.05, momentum=0.5)
sched = MultiStepLR(opt, milestones=[6, 9], gamma=0.3)
loss_fn = nn.CrossEntropyLoss()

for epoch in range(12):
    hits = 0
    for idx in torch.randperm(n).split(20):
        scores = model(images[idx])
        loss = loss_fn(scores, cls[idx])
        opt.zero_grad()
        loss.backward()
        opt.step()
        hits += (scores.argmax(1) == cls[idx]).sum().item()
    sched.step()
    print(f"epoch {epoch}: accuracy {hits / n:.3f}, last loss {loss.item():.3f}")
