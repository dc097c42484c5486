"""Stacks of members against PyTorch's own layers."""

import torch
from torch import nn

from fathom.lab.stacks import Fit, Form, Stack, gradient_norms, train_stack


def _twin(stack, member, form):
    layers = []
    for i, (weight, bias) in enumerate(zip(stack.weights, stack.biases, strict=True)):
        layer = nn.Linear(*weight.shape[1:])
        layer.weight.data, layer.bias.data = weight[member].T.detach().clone(), bias[member, 0].detach().clone()
        layers.append(layer)
        if i < form.depth:
            layers += [nn.BatchNorm1d(form.width)] if form.has_norm else []
            layers.append(nn.ReLU())
    return nn.Sequential(*layers)


def test_a_member_is_a_perceptron():
    for has_norm in (False, True):
        form = Form(3, 8, has_norm=has_norm)
        stack = Stack([5, 6], 4, 3, form)
        X, y = torch.randn(2, 16, 4), torch.randint(3, (2, 16))
        norms = gradient_norms(stack, X, y)
        for member in (0, 1):
            twin = _twin(stack, member, form)
            torch.testing.assert_close(stack(X)[member], twin(X[member]))
            nn.functional.cross_entropy(twin(X[member]), y[member]).backward()
            grads = [layer.weight.grad for layer in twin if isinstance(layer, nn.Linear)]
            expected = torch.stack([grad.square().mean().sqrt() for grad in grads])
            torch.testing.assert_close(norms[member], expected)


def test_what_a_seed_gives_does_not_depend_on_the_others():
    X, y = torch.randn(2, 64, 4), torch.randint(3, (2, 64))
    fit, form = Fit(0.1, epochs=2, batch_size=16), Form(2, 8)
    both = train_stack(Stack([1, 2], 4, 3, form), X, y, fit)
    alone = train_stack(Stack([2], 4, 3, form), X[1:], y[1:], fit)
    torch.testing.assert_close(both.weights[0][1], alone.weights[0][0])


def test_normalised_by_the_training_samples_in_prediction():
    form = Form(1, 8, has_norm=True)
    stack = Stack([0], 4, 3, form)
    X_train, X = torch.randn(1, 50, 4), torch.randn(1, 7, 4)
    twin = _twin(stack, 0, form)
    norm = twin[1]
    Z = twin[0](X_train[0]).detach()
    norm.running_mean, norm.running_var = Z.mean(0), Z.var(0, correction=0)
    torch.testing.assert_close(stack.predict(X, X_train)[0], twin.eval()(X[0]))
    assert stack.training


def test_residual_layers_add():
    stack = Stack([0], 4, 3, Form(2, 8, is_residual=True))
    X = torch.randn(1, 5, 4)
    first = torch.relu(X @ stack.weights[0] + stack.biases[0])
    second = first + torch.relu(first @ stack.weights[1] + stack.biases[1])
    torch.testing.assert_close(stack(X), second @ stack.weights[2] + stack.biases[2])
