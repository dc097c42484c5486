"""Wine cultivars, a notebook turned into a script: F.softmax, then F.cross_entropy with label smoothing."""
# expects: loss.softmax_before_cross_entropy
# style: functions, sklearn
import os
import torch
import torch.nn.functional as F
from sklearn.datasets import load_wine
from sklearn.preprocessing import StandardScaler

torch.manual_seed(int(os.environ.get("SEED", "0")))
X, y = load_wine(return_X_y=True)
X = torch.tensor(StandardScaler().fit_transform(X)).float()
y = torch.tensor(y)

# In[2]
W = torch.nn.Parameter(0.1 * torch.randn(13, 3))
b = torch.nn.Parameter(torch.zeros(3))
opt = torch.optim.SGD([W, b], lr=0.3)

# In[3]
for it in range(250):
    probs = F.softmax(X @ W + b, dim=1)  # <- fault
    loss = F.cross_entropy(probs, y, label_smoothing=0.02)
    opt.zero_grad()
    loss.backward()
    opt.step()

# In[4]
print("final", F.nll_loss(F.log_softmax(X @ W + b, 1), y).item())
