"""The twin of softmax_divides_the_input.py without its fault: X_exp / partition."""
# expects: nothing
# style: functions
import os
import torch

torch.manual_seed(int(os.environ.get("SEED", 0)))
num_inputs, num_outputs = 16, 4
W = torch.normal(0, 0.01, size=(num_inputs, num_outputs), requires_grad=True)
b = torch.zeros(num_outputs, requires_grad=True)


def softmax(X):
    X_exp = torch.exp(X)
    partition = X_exp.sum(1, keepdim=True)
    return X_exp / partition


def net(X):
    return softmax(torch.matmul(X.reshape((-1, W.shape[0])), W) + b)


def cross_entropy(y_hat, y):
    return -torch.log(y_hat[range(len(y_hat)), y])


label = torch.randint(0, 4, (800,))
templates = torch.randn(4, 16)
image = templates[label] + 0.8 * torch.randn(800, 16)
updater = torch.optim.SGD([W, b], lr=0.1)
for epoch in range(5):
    metric = [0.0, 0.0]
    for i in range(0, 800, 40):
        X, y = image[i : i + 40], label[i : i + 40]
        y_hat = net(X)
        l = cross_entropy(y_hat, y)
        updater.zero_grad()
        l.mean().backward()
        updater.step()
        metric[0] += float(l.sum())
        metric[1] += float((y_hat.argmax(1) == y).sum())
    print(f"epoch {epoch + 1}: loss {metric[0] / 800:.4f}, train acc {metric[1] / 800:.3f}")
