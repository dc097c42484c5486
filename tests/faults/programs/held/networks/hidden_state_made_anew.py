"""The last hidden states are gathered with torch.tensor(list): the cell below is never trained."""
# expects: model.detached_graph, step.parameters_not_updated
# style: functions, rnn
import os

import torch
from torch import nn
torch.manual_seed(int(os.environ.get("SEED", 0)))
cell, embed, read = nn.GRUCell(8, 16), nn.Embedding(5, 8), nn.Linear(16, 5)
opt = torch.optim.Adam([*cell.parameters(), *embed.parameters(), *read.parameters()], lr=1e-2)
data = torch.randint(0, 5, (240, 6))
goal = (data[:, 0] + data[:, 3]) % 5


def run(rows):
    h = torch.zeros(len(rows), 16)
    for t in range(rows.shape[1]):
        h = cell(embed(rows[:, t]), h)
    return h


for epoch in range(60):
    for i in torch.randperm(240).split(60):
        last = run(data[i])
        features = torch.tensor([row.tolist() for row in last])  # <- fault
        loss = nn.functional.cross_entropy(read(features), goal[i])
        opt.zero_grad()
        loss.backward()
        opt.step()
print("end", loss.item())
