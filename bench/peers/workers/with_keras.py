# SPDX-License-Identifier: MIT
"""Keras, on any of its backends."""


def run_keras(work, driver):
    """Keras's fit, one call for all epochs but the first: the callback waits where an epoch begins, so that fit's own start is not
    counted."""
    import keras

    class Epochs(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            driver.begin_epoch()

        def on_epoch_end(self, epoch, logs=None):
            driver.end_epoch(logs["loss"])

    name = keras.backend.backend()
    if name == "torch":
        import torch
        torch.set_num_threads(work.threads)
    layers = [keras.layers.Input((work.net[0],))]
    layers += [keras.layers.Dense(width, "relu") for width in work.net[1:-1]]
    model = keras.Sequential(layers + [keras.layers.Dense(work.net[-1], "softmax")])
    model.compile(optimizer=work.optimizer, loss=work.loss)
    called, version = "Keras on " + NAMES[name], f"{keras.__version__}, {backend_version(name)}"
    start = work.start()
    model.set_weights([tensor for layer in start for tensor in layer])
    if work.infer:
        driver.infer(called + ", predict_on_batch", version, work, model.predict_on_batch)
    driver.hello(called + ", fit", version, work)
    for epochs in 1, 1000000:
        model.fit(work.x, work.y, batch_size=work.batch, epochs=epochs, shuffle=epochs > 1, verbose=0, callbacks=[Epochs()])


NAMES = {"tensorflow": "TensorFlow", "jax": "JAX", "torch": "PyTorch"}


def backend_version(name):
    module = __import__(name)
    return f"{name} {module.__version__}"
