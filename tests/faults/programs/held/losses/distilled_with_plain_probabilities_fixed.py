"""The twin of distilled_with_plain_probabilities.py without its fault: log_softmax for the student."""
# expects: nothing
# style: functions, distillation
import os

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(int(os.environ.get("SEED", 0)))
X = torch.randn(600, 10)
teacher = nn.Sequential(nn.Linear(10, 5))
with torch.no_grad():
    teacher[0].weight.mul_(6)
    wanted = F.softmax(teacher(X) / 2.0, dim=-1)
student = nn.Sequential(nn.Linear(10, 16), nn.ReLU(), nn.Linear(16, 5))
opt = torch.optim.Adam(student.parameters(), 5e-3)
for epoch in range(20):
    for i in torch.randperm(600).split(60):
        guess = F.log_softmax(student(X[i]) / 2.0, dim=-1)
        loss = F.kl_div(guess, wanted[i], reduction="batchmean")
        opt.zero_grad()
        loss.backward()
        opt.step()
agree = (student(X).argmax(1) == wanted.argmax(1)).float().mean()
print("agreement with the teacher", agree.item())
