"""Slip of the notes: dropout from scratch draws its mask with randn, keeping far fewer units than said, at validation too."""
# expects: model.wrong_mode
# style: class, functions
import os

import torch
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))


def dropout_layer(X, dropout):
    assert 0 <= dropout <= 1
    if dropout == 1:
        return torch.zeros_like(X)
    mask = (torch.randn(X.shape) > dropout).float()  # <- fault
    return mask * X / (1.0 - dropout)


class Net(nn.Module):
    def __init__(self, num_inputs, num_outputs, num_hiddens1, num_hiddens2, is_training=True):
        super().__init__()
        self.num_inputs = num_inputs
        self.is_training = is_training
        self.lin1 = nn.Linear(num_inputs, num_hiddens1)
        self.lin2 = nn.Linear(num_hiddens1, num_hiddens2)
        self.lin3 = nn.Linear(num_hiddens2, num_outputs)
        self.relu = nn.ReLU()

    def forward(self, X):
        H1 = self.relu(self.lin1(X.reshape((-1, self.num_inputs))))
        if self.is_training:  # <- fault
            H1 = dropout_layer(H1, 0.2)
        H2 = self.relu(self.lin2(H1))
        if self.is_training:  # <- fault
            H2 = dropout_layer(H2, 0.5)
        return self.lin3(H2)


kind = torch.randint(0, 6, (1000,))
X = 1.2 * torch.randn(6, 20)[kind] + torch.randn(1000, 20)
net = Net(20, 6, 64, 64)
trainer = torch.optim.SGD(net.parameters(), lr=0.1)
loss = nn.CrossEntropyLoss()
for epoch in range(10):
    net.train()
    for idx in torch.randperm(800).split(40):
        l = loss(net(X[idx]), kind[idx])
        trainer.zero_grad()
        l.backward()
        trainer.step()
    net.eval()
    with torch.no_grad():
        out = net(X[800:])
    print(f"epoch {epoch + 1}, loss {l.item():.3f}, test {loss(out, kind[800:]).item():.3f}")
