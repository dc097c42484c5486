"""A classifier by ``fit`` of Keras 3 on PyTorch; the argument names the fault, if any."""

import os
import sys

os.environ["KERAS_BACKEND"] = "torch"

import keras
import numpy as np


def main(fault=""):
    keras.utils.set_random_seed(0)
    x = np.random.randn(400, 8).astype("float32")
    y = x[:, :3].argmax(1)
    layers = keras.layers
    model = keras.Sequential(
        [layers.Input((8,)), layers.Dense(32), layers.BatchNormalization(), layers.Activation("relu")]
        + [layers.Dropout(0.1), layers.Dense(3, activation="softmax" if fault == "softmax" else None)]
    )
    rate = {"rate": 1e-9, "high": 1e4}.get(fault, 0.1)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(rate), loss, metrics=["accuracy"])
    model.fit(x[:300], y[:300], validation_data=(x[300:], y[300:]), epochs=6, batch_size=20, verbose=0)


if __name__ == "__main__":
    main(*sys.argv[1:])
