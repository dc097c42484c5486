"""DQN-like: targets come from a frozen copy under no_grad, copied over every 25 steps."""
# expects: nothing
# style: class, regression
import copy
import os
import torch
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))
# a walk on 8 places: reward 1 at the right end, the episode ends at both
q = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 2))
target = copy.deepcopy(q)
for p in target.parameters():
    p.requires_grad = False
opt = torch.optim.Adam(q.parameters(), lr=5e-3)
eye = torch.eye(8)
for step in range(400):
    s = torch.randint(1, 7, (48,))
    a = torch.randint(0, 2, (48,))
    new = s + 2 * a - 1
    reward, done = (new == 7).float(), ((new == 7) | (new == 0)).float()
    with torch.no_grad():
        goal = reward + 0.9 * (1 - done) * target(eye[new]).max(1).values
    value = q(eye[s]).gather(1, a[:, None]).squeeze(1)
    loss = nn.functional.smooth_l1_loss(value, goal)
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 25 == 0:
        target.load_state_dict(q.state_dict())
    if step % 80 == 0:
        print(step, f"{loss.item():.5f}", q(eye[6]).detach().tolist())
