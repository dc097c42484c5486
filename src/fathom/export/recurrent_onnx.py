"""Recurrent networks as ONNX, written by hand: torch's exporter unrolls them over a fixed number of steps."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor, nn

from fathom.export.formats import OPSET
from fathom.inference.onnx_inputs import LOGITS, NEXT_STATES, STATES, TOKENS
from fathom.models.rnn import OneHot, RecurrentNet
from fathom.version import VERSION

_IR_VERSION = 10  # of ONNX 1.16; a newer default of the onnx package would be refused by older runtimes
# The order of the gates in ONNX, by their places in torch: GRU r z n -> z r h; LSTM i f g o -> i o f c.
_GATES = {nn.RNN: (0,), nn.GRU: (1, 0, 2), nn.LSTM: (0, 3, 1, 2)}


def write_recurrent(net: RecurrentNet) -> bytes:
    """Return the ONNX model of a recurrent network, without metadata, for any number of steps and of columns.

    Shape:   tokens int64 (steps, batch), state (layers, batch, hidden) -> logits (steps, batch, num_tokens), next_state
        (layers, batch, hidden); of an LSTM further cell_state and next_cell_state
    """
    import onnx

    builder = _GraphBuilder()
    recurrent = net.recurrent
    num_states = 2 if isinstance(recurrent, nn.LSTM) else 1
    states = [builder.split_state(name, recurrent.num_layers) for name in STATES[:num_states]]
    features = builder.add_embedding(net.input)
    last: list[list[str]] = [[] for _ in range(num_states)]  # of each kind of state, the names layer by layer
    for layer in range(recurrent.num_layers):
        features, *after = builder.add_recurrent_layer(recurrent, layer, features, [state[layer] for state in states])
        for names, name in zip(last, after, strict=True):
            names.append(name)
    for name, parts in zip(NEXT_STATES, last, strict=False):
        builder.add_node("Concat", parts, name, axis=0)
    builder.add_linear(net.output, features, LOGITS)
    size = (recurrent.num_layers, "batch", recurrent.hidden_size)
    value, number = onnx.helper.make_tensor_value_info, onnx.TensorProto
    graph = onnx.helper.make_graph(
        builder.nodes,
        "main_graph",  # the name that torch's exporter gives too
        [
            value(TOKENS, number.INT64, ("steps", "batch")),
            *(value(name, number.FLOAT, size) for name in STATES[:num_states]),
        ],
        [
            value(LOGITS, number.FLOAT, ("steps", "batch", net.output.out_features)),
            *(value(name, number.FLOAT, size) for name in NEXT_STATES[:num_states]),
        ],
        builder.weights,
    )
    model = onnx.helper.make_model(
        graph,
        opset_imports=[onnx.helper.make_opsetid("", OPSET)],
        ir_version=_IR_VERSION,
        producer_name="fathom",
        producer_version=VERSION,
    )
    onnx.checker.check_model(model, full_check=True)
    content: bytes = model.SerializeToString()
    return content


class _GraphBuilder:
    """Collects nodes and weights."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.weights: list[Any] = []

    def add_node(self, kind: str, inputs: list[str], *outputs: str, **attributes: Any) -> str:
        """Append a node; gives its first output."""
        import onnx

        self.nodes.append(onnx.helper.make_node(kind, inputs, list(outputs), name=outputs[0], **attributes))
        return outputs[0]

    def add_constant(self, name: str, values: Tensor | np.ndarray) -> str:
        """Append a constant; gives its name."""
        import onnx

        array = values.detach().cpu().numpy() if isinstance(values, Tensor) else values
        self.weights.append(onnx.numpy_helper.from_array(np.ascontiguousarray(array), name))  # a transpose is a view
        return name

    def split_state(self, state: str, layers: int) -> list[str]:
        """Return the state of each layer."""
        if layers == 1:
            return [state]
        names = [f"{state}.{layer}" for layer in range(layers)]
        self.add_node("Split", [state], *names, axis=0, num_outputs=layers)  # (1, batch, hidden) each
        return names

    def add_embedding(self, layer: nn.Module) -> str:
        """Turn the tokens into vectors (steps, batch, features)."""
        if isinstance(layer, OneHot):
            depth = self.add_constant("one_hot.depth", np.array([layer.num_tokens]))
            return self.add_node(
                "OneHot", [TOKENS, depth, self.add_constant("one_hot.values", np.array([0, 1], np.float32))], "one_hot"
            )
        assert isinstance(layer, nn.Embedding)
        return self.add_node("Gather", [self.add_constant("input.weight", layer.weight), TOKENS], "embedded")

    def add_recurrent_layer(self, recurrent: nn.RNNBase, layer: int, features: str, states: list[str]) -> list[str]:
        """Add a recurrent layer; gives its output (steps, batch, hidden) and its last states (1, batch, hidden)."""
        name, kind = f"recurrent.{layer}", type(recurrent)

        def reordered(parameter: str) -> np.ndarray:
            blocks = np.split(getattr(recurrent, f"{parameter}_l{layer}").detach().cpu().numpy(), len(_GATES[kind]))
            # (1, gates · hidden, …), one direction
            return np.concatenate([blocks[place] for place in _GATES[kind]])[None]

        biases = np.concatenate([reordered("bias_ih"), reordered("bias_hh")], 1)  # (1, 2 · gates · hidden)
        inputs = [
            features,
            self.add_constant(f"{name}.W", reordered("weight_ih")),
            self.add_constant(f"{name}.R", reordered("weight_hh")),
            self.add_constant(f"{name}.B", biases),
            "",  # all sequences are of the same length
            *states,
        ]
        after = [f"{name}.{state}" for state in NEXT_STATES[: len(states)]]
        options = {"linear_before_reset": 1} if kind is nn.GRU else {}  # the reset gate after the product, as in torch
        self.add_node(kind.__name__, inputs, f"{name}.Y", *after, hidden_size=recurrent.hidden_size, **options)
        axis = self.add_constant(f"{name}.axis", np.array([1]))  # of the directions, of which there is one
        return [self.add_node("Squeeze", [f"{name}.Y", axis], f"{name}.output"), *after]

    def add_linear(self, layer: nn.Linear, features: str, output: str) -> None:
        """Add the last layer."""
        # (steps, batch, num_tokens); Gemm takes matrices only
        product = self.add_node("MatMul", [features, self.add_constant("output.weight", layer.weight.T)], "product")
        self.add_node("Add", [product, self.add_constant("output.bias", layer.bias)], output)
