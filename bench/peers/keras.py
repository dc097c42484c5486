"""Keras on its torch backend: https://keras.io"""

from __future__ import annotations

from typing import Any

from bench.gate import Gate
from bench.inputs import normalised
from bench.problems import Problem


def run(problem: Problem, gate: Gate) -> None:
    """Train with ``Model.fit`` on arrays."""
    import keras

    class AtGate(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            gate.start_epoch()

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            gate.end_epoch({"train_" + name: value for name, value in logs.items()})

    keras.utils.set_random_seed(problem.seed)
    model = _make_model(problem)
    loss = "mse" if problem.is_regression else keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    metrics = [] if problem.is_regression else ["accuracy"]
    model.compile(optimizer=keras.optimizers.SGD(problem.lr), loss=loss, metrics=metrics)
    X, y = (part.numpy() for part in normalised(problem))
    model.fit(
        X, y, batch_size=problem.batch_size, epochs=gate.num_epochs, shuffle=True, verbose=0, callbacks=[AtGate()]
    )


def _make_model(problem: Problem) -> Any:
    import keras
    from keras import layers

    # The layout that torch itself computes in; Keras's default would be transposed in every layer.
    keras.config.set_image_data_format("channels_first")
    if problem.model == "linear":
        return keras.Sequential([keras.Input((2,)), layers.Dense(1)])
    if problem.model == "mlp":
        inner: list[Any] = [layers.Dense(256, "relu")]
    else:
        inner = [
            layers.Conv2D(6, 5, padding="same", activation="sigmoid"),
            layers.AveragePooling2D(2),
            layers.Conv2D(16, 5, activation="sigmoid"),
            layers.AveragePooling2D(2),
            layers.Flatten(),
            layers.Dense(120, "sigmoid"),
            layers.Dense(84, "sigmoid"),
        ]
    flatten = [layers.Flatten()] if problem.model == "mlp" else []
    return keras.Sequential([keras.Input(problem.input_shape), *flatten, *inner, layers.Dense(10)])
