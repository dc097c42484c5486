"""N(0, 1e-3) in eight layers: signals fade to nothing on their way (catalogue: wrong scale; N1 on vanishing)."""
# expects: init.scale, gradient.vanishing, model.collapse, fit.underfitting
# style: class, sequential
import os
import torch
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))


def init_weights(m):
    if type(m) is nn.Linear:
        nn.init.normal_(m.weight, std=0.001)  # <- fault
        nn.init.zeros_(m.bias)


class DeepMLP(nn.Module):
    def __init__(self, inputs, hidden, outputs, depth):
        super().__init__()
        layers = [nn.Linear(inputs, hidden), nn.ReLU()]
        for _ in range(depth):
            layers += [nn.Linear(hidden, hidden), nn.ReLU()]
        self.net = nn.Sequential(*layers, nn.Linear(hidden, outputs))

    def forward(self, x):
        return self.net(x)


prototypes = torch.randn(6, 15) * 1.5
labels = torch.randint(0, 6, (900,))
inputs = prototypes[labels] + torch.randn(900, 15)
net = DeepMLP(15, 48, 6, depth=6)
net.apply(init_weights)
sgd = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
for epoch in range(8):
    for i in range(0, 900, 45):
        sgd.zero_grad()
        loss = nn.functional.cross_entropy(net(inputs[i : i + 45]), labels[i : i + 45])
        loss.backward()
        sgd.step()
    print(f"epoch {epoch}: loss {loss.item():.4f}")
