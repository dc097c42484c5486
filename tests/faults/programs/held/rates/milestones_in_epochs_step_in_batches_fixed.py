"""The twin of milestones_in_epochs_step_in_batches.py without its fault: the schedule steps once an epoch."""
# expects: nothing
# style: class, scheduler, rnn
import os

import torch
from torch import nn
torch.manual_seed(int(os.environ.get("SEED", 0)))


class Trainer:
    def __init__(self, model, epochs=12):
        self.model, self.epochs = model, epochs
        self.optimizer = torch.optim.SGD(model.parameters(), lr=0.5, momentum=0.9)
        self.schedule = torch.optim.lr_scheduler.MultiStepLR(self.optimizer, [4, 8, 10], gamma=0.1)

    def fit(self, x, y):
        for epoch in range(self.epochs):
            for i in torch.randperm(len(x)).split(40):
                self.optimizer.zero_grad()
                loss = nn.functional.cross_entropy(self.model(x[i]), y[i])
                loss.backward()
                nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
                self.optimizer.step()
            self.schedule.step()
            print(epoch, loss.item())


class Parity(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn, self.fc = nn.RNN(2, 32, batch_first=True), nn.Linear(32, 3)

    def forward(self, x):
        return self.fc(self.rnn(x)[1][0])


x = torch.randn(800, 8, 2)
y = (x[:, -3:, 0].sum(1) > 0).long() + (x[:, -2:, 1].sum(1) > 0).long()
Trainer(Parity()).fit(x, y)
