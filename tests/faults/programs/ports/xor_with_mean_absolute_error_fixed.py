"""The twin of xor_with_mean_absolute_error.py without its fault: tanh inside, logits with their loss, Adam."""
# expects: nothing
# style: sequential
import os
import torch
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))
inputs = torch.tensor([[1.0, 1.0], [1.0, 0.0], [0.0, 0.0], [0.0, 1.0]])
outputs = torch.tensor([[0.0], [1.0], [0.0], [1.0]])
model = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 1))
for layer in model:
    if isinstance(layer, nn.Linear):
        nn.init.xavier_uniform_(layer.weight)
        nn.init.zeros_(layer.bias)
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
for epoch in range(600):
    optimizer.zero_grad()
    loss = criterion(model(inputs), outputs)
    loss.backward()
    optimizer.step()
    if epoch % 100 == 99:
        print(epoch + 1, round(loss.item(), 4))
print(model(inputs).sigmoid().detach().squeeze().tolist())
