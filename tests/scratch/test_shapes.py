"""Every public function and layer on tensors says its shapes, and a real call has them."""

import importlib
import inspect
import pkgutil
import runpy
from pathlib import Path

import numpy as np
import pytest

import fathom.scratch as s
from fathom.scratch import Tensor, networks
from fathom.scratch.devices import collective, data_parallel, mesh, pipeline
from fathom.scratch.engine import autograd, checks, creation, recorded
from fathom.scratch.layers import columns, geometry
from fathom.scratch.learning import loops, measures, sequences
from fathom.scratch.learning.iterator import Batches
from fathom.scratch.studies import hard_bound, perceptron, stability

CHECKER = runpy.run_path(str(Path(__file__).parents[1] / "shapes" / "checker.py"))
Call, check, members, parse, shape_line = (
    CHECKER[name] for name in ("Call", "check", "members", "parse", "shape_line")
)
MODULES = [
    module.name
    for module in pkgutil.walk_packages(s.__path__, "fathom.scratch.")
    if module.name != "fathom.scratch.devices.worker"
]
rng = np.random.default_rng(0)


def T(*shape):
    return Tensor(rng.standard_normal(shape).astype(np.float32))


def P(*shape):
    return Tensor(rng.uniform(0.1, 0.9, shape).astype(np.float32))


def all_members():
    """The checker's, what takes or gives arrays, and what builds a network."""
    found = members(MODULES)
    for name in MODULES:
        for key, member in vars(importlib.import_module(name)).items():
            if key.startswith("_") or getattr(member, "__module__", None) != name:
                continue
            inner = [(key, member)]
            if inspect.isclass(member):
                inner = [(f"{key}.{k}", v) for k, v in vars(member).items() if not k.startswith("_")]
            for place, function in inner:
                notes = getattr(function, "__annotations__", {})
                on_arrays = "ndarray" in str(notes) or "'T'" in str(notes)
                builds = notes.get("return") == "Module" and "input_shape" in notes
                if inspect.isfunction(function) and (on_arrays or builds):
                    found.setdefault(f"{name}:{place}", function)
    return {key.removeprefix("fathom.scratch."): member for key, member in found.items()}


MEMBERS = all_members()
X, LABELS, IMAGES = T(5, 3), Tensor([0, 2, 1, 1, 0]), T(2, 3, 8, 7)
PARAMETER = s.Parameter(rng.standard_normal((4, 3)))
PARAMETER.grad = T(4, 3).double()
NET = s.Sequential(s.Flatten(), s.Linear(3, 4), s.Tanh(), s.Linear(4, 4))


def method(name, *options, on=X):
    return lambda: Call([on], getattr(on, name)(*options))


def entrywise(function, *options):
    return lambda: Call([X], function(X, *options))


def loss(function, first, second):
    return lambda: Call([first, second], function(first, second))


def layer(module, *inputs, **sizes):
    return lambda: Call(inputs, module(*inputs), sizes)


def network(name, shape, **options):
    images = T(2, *shape)
    net = networks.create(name, input_shape=shape, num_classes=4, **options).eval()
    return lambda: Call([images], net(images), {"num_classes": 4})


def in_place(function, *arrays):
    def call():
        function(*arrays)
        return Call(arrays, None)

    return call


def signals(*shape):
    return T(2, 3, *shape)


CALLS = {
    # Methods of a tensor
    **{
        f"engine.functions:Functions.{n}": method(n, on=P(2, 3))
        for n in ("exp", "log", "sqrt", "square", "sin", "cos", "tanh", "sigmoid", "relu", "abs")
    },
    "engine.functions:Functions.clip": method("clip", 0.0, 1.0),
    **{f"engine.reductions:Reductions.{n}": method(n) for n in ("sum", "mean", "var", "max", "min", "norm")},
    "engine.reductions:Reductions.cumsum": method("cumsum", 0),
    "engine.shapes:Shapes.reshape": method("reshape", -1),
    "engine.shapes:Shapes.view": method("view", -1),
    "engine.shapes:Shapes.flatten": method("flatten", 1, on=T(2, 3, 4)),
    "engine.shapes:Shapes.transpose": method("transpose", 0, 1),
    "engine.shapes:Shapes.permute": method("permute", 2, 0, 1, on=T(2, 3, 4)),
    "engine.shapes:Shapes.unsqueeze": method("unsqueeze", 1),
    "engine.shapes:Shapes.squeeze": method("squeeze", 1, on=T(2, 1, 4)),
    "engine.shapes:Shapes.broadcast_to": lambda: Call([T(1, 3)], T(1, 3).broadcast_to(4, 3), {"N": 4}),
    "engine.recorded:Recorded.requires_grad_": method("requires_grad_", on=T(2, 3)),
    **{f"engine.recorded:Recorded.{n}": method(n) for n in ("detach", "clone", "float", "double")},
    "engine.recorded:Recorded.numpy": method("numpy", on=T(2, 3)),
    "engine.recorded:Recorded.astype": method("astype", np.float64),
    **{f"engine.arithmetic:Arithmetic.{n}": loss(getattr(Tensor, n), T(2, 3), T(2, 3)) for n in ("maximum", "minimum")},
    **{f"engine.value:Value.{n}": method(n, on=T(2, 3)) for n in ("argmax", "argmin", "long", "any", "all")},
    "engine.indexing:Indexing.fill_": method("fill_", 2, on=T(2, 3)),
    "engine.indexing:Indexing.zero_": method("zero_", on=T(2, 3)),
    "engine.indexing:Indexing.copy_": loss(Tensor.copy_, T(2, 3), T(2, 3)),
    # The engine
    "engine.autograd:sum_to_shape": lambda: Call([np.ones((4, 3))], autograd.sum_to_shape(np.ones((4, 3)), (1, 3))),
    "engine.autograd:push_all": lambda: Call(
        [], autograd.push_all([autograd.both_ways(s.Dual([1.0, 2.0]), abs)], (2,))
    ),
    "engine.autograd:walk_back": lambda: Call(
        [np.ones((2, 3))], list(autograd.walk_back(T(2, 3), np.ones((2, 3)))) and None
    ),
    "engine.recorded:record": lambda: Call([np.ones((2, 3))], recorded.record("own", np.ones((2, 3)))),
    "engine.recorded:pair": lambda: Call([X, X], recorded.pair("add", X, X)),
    "engine.checks:check_batch": in_place(lambda v: checks.check_batch("f", "v", v), X),
    "engine.gradient_check:numerical_gradient": lambda: Call([X], s.numerical_gradient(lambda x: x.sum(), X.double())),
    "engine.gradient_check:check_gradient": lambda: Call(
        [X], s.check_gradient(lambda x: x.sum(), Tensor(X.data.astype(np.float64), requires_grad=True))
    ),
    "engine.graph:graph": lambda: Call([X], s.graph((Tensor([1.0], requires_grad=True) * 2).sum()) and None),
    "engine.jacobian:jacobian": lambda: Call([T(3)], s.jacobian(lambda x: x[:2] * 3, T(3))),
    "engine.jacobian:gradient": entrywise(lambda x: s.gradient(lambda x: x.sum(), x)),
    "engine.jacobian:hessian": lambda: Call([T(3)], s.hessian(lambda x: (x**3).sum(), T(3))),
    "engine.jacobian:hvp": lambda: Call([T(3), T(3)], s.hvp(lambda x: (x**3).sum(), T(3), T(3))),
    "engine.recorded:settle": lambda: Call([np.ones((2, 3))], recorded.settle(np.ones((2, 3)))),
    "engine.forward_mode:jvp": lambda: Call([T(3), T(3)], s.jvp(lambda x: x[:2] * 2, T(3), T(3))),
    "engine.forward_mode:forward_gradient": entrywise(lambda x: s.forward_gradient(lambda x: x.sum(), x)),
    # From nothing and from several
    **{
        f"engine.creation:{n}": (lambda n=n: Call([], getattr(s, n)(2, 3), {"n": 2, "m": 3}))
        for n in ("zeros", "ones", "rand", "randn")
    },
    "engine.creation:full": lambda: Call([], s.full((2, 3), 1.5), {"n": 2, "m": 3}),
    "engine.creation:randint": lambda: Call([], s.randint(0, 5, (2, 3)), {"n": 2, "m": 3}),
    "engine.creation:eye": lambda: Call([], s.eye(3), {"size": 3}),
    "engine.creation:arange": lambda: Call([], s.arange(3)),
    "engine.creation:linspace": lambda: Call([], s.linspace(0, 1, 4), {"steps": 4}),
    "engine.creation:randperm": lambda: Call([], s.randperm(4), {"size": 4}),
    "engine.creation:tensor": entrywise(s.tensor),
    "engine.creation:zeros_like": entrywise(s.zeros_like),
    "engine.creation:ones_like": entrywise(s.ones_like),
    "engine.creation:one_hot": lambda: Call([LABELS], s.one_hot(LABELS, 4), {"num_classes": 4}),
    "engine.creation:check_labels": in_place(lambda v: creation.check_labels("f", v, 4), LABELS),
    "engine.operations:cat": lambda: Call([T(2, 3), T(4, 3)], s.cat([T(2, 3), T(4, 3)])),
    "engine.operations:stack": lambda: Call([T(3), T(3)], s.stack([T(3), T(3)])),
    "engine.operations:where": lambda: Call([X > 0, X, X], s.where(X > 0, X, X)),
    "engine.operations:logical_and": loss(s.logical_and, X, X),
    "engine.operations:logical_or": loss(s.logical_or, X, X),
    "engine.operations:logical_not": entrywise(s.logical_not),
    "engine.operations:dot": loss(s.dot, T(3), T(3)),
    "engine.operations:mv": loss(s.mv, T(2, 3), T(3)),
    "engine.operations:mm": loss(s.mm, T(2, 3), T(3, 4)),
    "engine.operations:bmm": loss(s.bmm, T(5, 2, 3), T(5, 3, 4)),
    "engine.operations:outer": loss(s.outer, T(2), T(3)),
    # Layers
    **{
        f"layers.activations:{n}": entrywise(getattr(s, n))
        for n in ("step", "relu", "sigmoid", "scaled_sigmoid", "tanh", "softmax_naive", "softmax", "log_softmax")
    },
    **{
        f"layers.activations:{n}": layer(getattr(s, n)(), X)
        for n in ("Step", "ReLU", "PReLU", "Sigmoid", "ScaledSigmoid", "Tanh", "Softmax")
    },
    "layers.activations:prelu": loss(s.prelu, IMAGES, T(3)),
    "layers.blocks:Identity": layer(s.Identity(), X),
    "layers.blocks:ConvUnit": layer(s.ConvUnit(3, 4, 3, 2), IMAGES, in_channels=3, out_channels=4),
    "layers.blocks:Residual": layer(s.Residual(3, 4, 2), IMAGES, in_channels=3, channels=4, stride=2),
    "layers.blocks:Inception": layer(s.Inception(3, (1, 2, 3, 4, 5, 6)), IMAGES, in_channels=3),
    "layers.columns:to_columns": lambda: Call(
        [IMAGES], columns.to_columns(IMAGES.data, (3, 2), (1, 1), ((0, 0), (0, 0))), {"kh": 3, "kw": 2}
    ),
    "layers.columns:from_columns": lambda: Call(
        [T(2, 18, 36)],
        columns.from_columns(T(2, 18, 36).data, (2, 3, 8, 7), (3, 2), (1, 1), ((0, 0), (0, 0))),
        {"C": 3, "H": 8, "W": 7},
    ),
    **{
        f"layers.conv:conv{n}d": (
            lambda n=n: (lambda a: Call(a, getattr(s, f"conv{n}d")(*a)))(
                [signals(*(5, 6, 4)[:n]), T(4, 3, *(3, 2, 2)[:n]), T(4)]
            )
        )
        for n in (1, 2, 3)
    },
    "layers.conv:convolution": lambda: Call([IMAGES, T(4, 3, 3, 2), None], s.convolution(IMAGES, T(4, 3, 3, 2))),
    "layers.conv:pointwise": lambda: Call([IMAGES, T(4, 3), T(4)], s.pointwise(IMAGES, T(4, 3), T(4))),
    "layers.conv:conv_transpose2d": lambda: Call(
        [IMAGES, T(3, 4, 3, 2), T(4)], s.conv_transpose2d(IMAGES, T(3, 4, 3, 2), T(4))
    ),
    "layers.corr:corr1d": loss(s.corr1d, T(5), T(2)),
    "layers.corr:corr2d": loss(s.corr2d, T(5, 4), T(2, 3)),
    "layers.corr:corr3d": loss(s.corr3d, T(5, 4, 3), T(2, 3, 2)),
    "layers.corr:conv_by_definition": lambda: Call(
        [IMAGES, T(4, 3, 3, 2), T(4)], s.conv_by_definition(IMAGES, T(4, 3, 3, 2), T(4))
    ),
    "layers.geometry:check_signal": in_place(lambda a, b: geometry.check_signal("f", a, b, 2), T(3, 3), T(3, 3)),
    "layers.geometry:check_convolution": lambda: Call(
        [IMAGES, T(4, 3, 3, 2), None], geometry.check_convolution("f", IMAGES, T(4, 3, 3, 2), None, 1, 0, 2)
    ),
    "layers.dropout:dropout": entrywise(s.dropout),
    "layers.dropout:Dropout": layer(s.Dropout(), X),
    **{
        f"layers.initializers:{n}": (
            lambda n=n, options=options: (lambda w: Call([w], getattr(s, n)(w, *options)))(T(2, 3))
        )
        for n, *options in (
            ("constant_", 1.0),
            ("zeros_",),
            ("normal_",),
            ("uniform_",),
            ("xavier_uniform_",),
            ("xavier_normal_",),
            ("kaiming_uniform_",),
            ("kaiming_normal_",),
        )
    },
    "layers.linear:linear": lambda: Call([X, T(4, 3), T(4)], s.linear(X, T(4, 3), T(4))),
    "layers.linear:Linear": layer(s.Linear(3, 4), X, in_features=3, out_features=4),
    "layers.linear:Flatten": layer(s.Flatten(), IMAGES),
    "layers.normalization:batch_norm": lambda: Call(
        [IMAGES, T(3), T(3), np.zeros(3), np.ones(3)], s.batch_norm(IMAGES, T(3), T(3), np.zeros(3), np.ones(3), True)
    ),
    "layers.normalization:layer_norm": lambda: Call([T(2, 5, 3), T(3), T(3)], s.layer_norm(T(2, 5, 3), T(3), T(3))),
    "layers.normalization:LayerNorm": layer(s.LayerNorm(3), T(2, 5, 3), num_features=3),
    "layers.attention:scaled_dot_product": lambda: (lambda Q, K, V: Call([Q, K, V], s.scaled_dot_product(Q, K, V)))(
        T(2, 5, 3), T(2, 4, 3), T(2, 4, 6)
    ),
    "layers.attention:causal_mask": lambda: Call([], s.causal_mask(4), {"size": 4}),
    "layers.attention:MultiHeadAttention": lambda: (
        lambda a: Call([a, s.causal_mask(5)], s.MultiHeadAttention(6, 2)(a, s.causal_mask(5)), {"width": 6, "heads": 2})
    )(T(2, 5, 6)),
    "layers.attention:DecoderBlock": layer(s.DecoderBlock(6, 2, 8), T(2, 5, 6), width=6, heads=2, hidden=8),
    "layers.normalization:BatchNorm": layer(s.BatchNorm(3), IMAGES, num_features=3),
    **{
        f"layers.pooling:{kind}_pool{n}d": (
            lambda kind=kind, n=n: (lambda a: Call([a], getattr(s, f"{kind}_pool{n}d")(a, 2)))(signals(*(5, 6, 4)[:n]))
        )
        for kind in ("max", "avg")
        for n in (1, 2, 3)
    },
    "layers.pooling:global_avg_pool": layer(s.global_avg_pool, IMAGES),
    "layers.pooling:global_max_pool": layer(s.global_max_pool, IMAGES),
    "layers.pooling:MaxPool2d": layer(s.MaxPool2d(2), IMAGES),
    "layers.pooling:AvgPool2d": layer(s.AvgPool2d(2), IMAGES),
    "layers.pooling:GlobalAvgPool": layer(s.GlobalAvgPool(), IMAGES),
    "layers.recurrent:RNNCell": layer(s.RNNCell(3, 4), X, T(5, 4), input_size=3, hidden_size=4),
    "layers.recurrent:GRUCell": layer(s.GRUCell(3, 4), X, T(5, 4), input_size=3, hidden_size=4),
    "layers.recurrent:LSTMCell": lambda: (
        lambda h, c: Call([X, h, c], s.LSTMCell(3, 4)(X, (h, c)), {"input_size": 3, "hidden_size": 4})
    )(T(5, 4), T(5, 4)),
    "layers.recurrent:Recurrent": layer(s.Recurrent(s.GRUCell(3, 4)), T(6, 5, 3), input_size=3, hidden_size=4),
    "layers.module:Module.state_dict": lambda: Call([], list(s.Linear(3, 4, bias=False).state_dict().values())),
    # Losses and learning
    **{
        f"learning.losses:{n}": loss(getattr(s, n), P(5, 3), P(5, 3))
        for n in ("squared", "half_squared", "l1", "huber", "smooth_l1", "soft_targets", "bce_with_logits", "bce")
    },
    **{f"learning.losses:{n}": loss(getattr(s, n), X, LABELS) for n in ("nll", "cross_entropy", "multi_margin")},
    **{
        f"learning.likelihoods:{n}": loss(getattr(s, n), P(5, 3), P(5, 3))
        for n in ("normal_nll", "laplace_nll", "huber_nll", "bernoulli_nll")
    },
    "learning.likelihoods:categorical_nll": loss(s.categorical_nll, X, LABELS),
    **{f"learning.penalties:{n}": (lambda n=n: Call([X], getattr(s, n)([X]))) for n in ("l1_penalty", "l2_penalty")},
    "learning.penalties:clip_by_norm": lambda: Call([PARAMETER], s.clip_by_norm([PARAMETER], 1.0)),
    "learning.penalties:normalize_gradients": lambda: Call([PARAMETER], s.normalize_gradients([PARAMETER], 1.0)),
    "learning.penalties:project": lambda: (lambda w: Call([w], s.project([w], 1.0)))(s.Parameter(np.ones((2, 3)))),
    "learning.penalties:clip_by_value": lambda: Call([PARAMETER], s.clip_by_value([PARAMETER], 1.0)),
    **{
        f"learning.optimizers:{n}.update": (
            lambda n=n: (lambda w: Call([w, w], getattr(s, n)([PARAMETER], 0.1).update(w, np.ones_like(w), {})))(
                np.ones((2, 3))
            )
        )
        for n in ("SGD", "Adam", "AdamW")
    },
    "learning.iterator:Batches.order": lambda: Call([], Batches(X.data, LABELS.data, 2).order(0), {"N": 5}),
    "learning.loops:train_step": lambda: Call(
        [X, LABELS], loops.train_step(NET, s.SGD(NET.parameters(), 0.1), s.cross_entropy, X.data, LABELS.data)
    ),
    "learning.loops:train_epoch": lambda: Call(
        [X, LABELS], loops.train_epoch(NET, s.SGD(NET.parameters(), 0.1), s.cross_entropy, [(X.data, LABELS.data)])
    ),
    "learning.loops:predict": lambda: Call([X], loops.predict(NET, X.data)),
    "learning.loops:evaluate_accuracy": lambda: Call([X, LABELS], loops.evaluate_accuracy(NET, X.data, LABELS.data)),
    "learning.measures:accuracy": lambda: Call([X, LABELS], measures.accuracy(X.data, LABELS.data)),
    "learning.sequences:Vocabulary.encode": lambda: Call([], sequences.Vocabulary("abc").encode("abca"), {"N": 4}),
    "learning.sequences:Vocabulary.decode": lambda: Call(
        [LABELS], sequences.Vocabulary("abc").decode(LABELS.data) and None
    ),
    # Studies, devices, networks
    "studies.least_squares:least_squares": lambda: Call([X, T(5, 2)], s.least_squares(X.detach(), T(5, 2))),
    "studies.least_squares:with_ones": lambda: Call([X], s.with_ones(X)),
    "studies.hard_bound:multiplier": lambda: Call([X, T(5)], s.multiplier(X.detach(), T(5), 1.0)),
    "studies.hard_bound:bounded_least_squares": lambda: Call([X, T(5)], s.bounded_least_squares(X.detach(), T(5), 1.0)),
    "studies.hard_bound:norm_of": lambda: Call([T(5)], hard_bound.norm_of(T(5))),
    "studies.perceptron:Perceptron.fit": in_place(lambda X, y: perceptron.Perceptron(2).fit(X, y), *perceptron.xor()),
    "studies.perceptron:radius": lambda: Call([X], perceptron.radius(X.data)),
    "studies.perceptron:margin": lambda: Call(perceptron.xor(), perceptron.margin(*perceptron.xor())),
    "studies.perceptron:xor": lambda: Call([], perceptron.xor()),
    "studies.stability:sigmoid": lambda: Call([X], stability.sigmoid(X.data)),
    "studies.stability:sigmoid_slope": lambda: Call([X], stability.sigmoid_slope(X.data)),
    "studies.stability:classify_signal": lambda: Call([np.ones(4)], stability.classify_signal(np.ones(4)) and None),
    "studies.stability:product_of_matrices": lambda: Call([], stability.product_of_matrices(6), {"num_factors": 6}),
    "studies.stability:fit_half": lambda: Call([X], stability.fit_half(X.data) and None),
    "devices.collective:naive_all_reduce": in_place(
        lambda a: collective.naive_all_reduce([a, a.copy()]), np.ones((2, 3))
    ),
    "devices.collective:ring_all_reduce": in_place(
        lambda a: collective.ring_all_reduce([a, a.copy()]), np.ones((2, 3))
    ),
    "devices.data_parallel:split_batch": lambda: Call([X], data_parallel.split_batch(X.data, 2)[0]),
    "devices.data_parallel:gradient_of": lambda: Call([PARAMETER], data_parallel.gradient_of(PARAMETER)),
    "devices.data_parallel:data_parallel_step": lambda: (
        lambda nets: Call(
            [X, LABELS],
            data_parallel.data_parallel_step(
                nets, [s.SGD(net.parameters(), 0.1) for net in nets], X.data, LABELS.data, s.cross_entropy
            ),
        )
    )(data_parallel.replicate(NET, 2)),
    "devices.mesh:Mesh.step": in_place(
        lambda X, y: mesh.Mesh(NET, 2, 3, lambda ps: s.SGD(ps, 0.1)).step(X, y, s.cross_entropy) and None,
        X.data,
        LABELS.data,
    ),
    "devices.pipeline:pipeline_step": lambda: Call(
        [X, LABELS], pipeline.pipeline_step(*pipeline.split_stages(NET, 3), X.data, LABELS.data, s.cross_entropy, 2)
    ),
    "networks.linear:linear": network("linear", (1, 8, 8)),
    "networks.linear:softmax": network("softmax", (1, 8, 8)),
    "networks.mlp:mlp": network("mlp", (1, 8, 8)),
    "networks.lenet:lenet": network("lenet", (1, 28, 28)),
    "networks.vgg:vgg": network("vgg", (1, 8, 8), divisor=16),
    "networks.nin:nin": network("nin", (1, 8, 8)),
    "networks.googlenet:googlenet": network("googlenet", (1, 8, 8)),
    "networks.resnet:resnet": network("resnet", (1, 8, 8), width=2),
    "networks.rnn:CharacterRNN": layer(networks.rnn.CharacterRNN(3, 4, "gru"), T(6, 5, 3), steps=6, num_characters=3),
}

# Not called here: what needs a process, a socket or a file beside it has tests of its own
ELSEWHERE = {
    "devices.messages:send",
    "devices.parameter_server:ParameterServer.step",
    "devices.parameter_server:ParameterServer.run_asynchronously",
    "devices.worker_pool:Worker.tell",
    "layers.module:load",
    "learning.optimizers:Optimizer.update",
}


@pytest.mark.parametrize("name", sorted(MEMBERS))
def test_it_says_its_shapes_and_a_real_call_has_them(name):
    line = shape_line(MEMBERS[name])
    parse(line)
    if name not in ELSEWHERE:
        assert name in CALLS, f"no call of it here: {line}"
        check(MEMBERS[name], CALLS[name]())


def test_nothing_is_called_that_is_not_there():
    assert CALLS.keys() | ELSEWHERE <= MEMBERS.keys()
