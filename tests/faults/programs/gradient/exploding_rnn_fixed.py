"""The twin of exploding_rnn.py without its fault: the identity, at half its size, and clipped gradients."""
# expects: nothing
# style: rnn, class
import os
import torch
import torch.nn as nn

torch.manual_seed(int(os.environ.get("SEED", 0)))


class Summer(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.RNN(2, 16, nonlinearity="relu", batch_first=True)
        self.out = nn.Linear(16, 1)
        with torch.no_grad():
            self.rnn.weight_hh_l0.copy_(0.5 * torch.eye(16))

    def forward(self, x):
        return self.out(self.rnn(x)[1][-1])


x = torch.rand(600, 20, 2)
y = (x[..., 0] * (x[..., 1] > 0.5)).mean(1, keepdim=True)
model = Summer()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
for epoch in range(15):
    for idx in torch.randperm(600).split(30):
        loss = nn.functional.mse_loss(model(x[idx]), y[idx])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    print("epoch", epoch, "loss", loss.item())
