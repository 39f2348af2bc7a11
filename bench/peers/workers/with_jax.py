# SPDX-License-Identifier: MIT
"""Plain JAX."""


def run_jax(work, driver):
    """Plain JAX: an epoch is one compiled call, a lax.scan over the batches."""
    import jax
    import jax.numpy as jnp
    import numpy

    def logits_of(weights, x):
        for w, b in weights[:-1]:
            x = jax.nn.relu(x @ w + b)
        w, b = weights[-1]
        return x @ w + b

    def mean_loss(weights, x, y):
        logits = logits_of(weights, x)
        if work.loss == "mean_squared_error":
            return jnp.mean((jax.nn.softmax(logits) - y)**2)
        logs = jax.nn.log_softmax(logits)
        if work.sparse:
            return -jnp.mean(jnp.take_along_axis(logs, y[:, None], 1))
        return -jnp.mean(jnp.sum(y * logs, 1))

    def adam(w, g, m, v, t):
        m, v = m + (g - m) * 0.1, v + (g * g - v) * 0.001
        return w - 0.001 * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t) * m / (jnp.sqrt(v) + 1e-7), m, v

    def rmsprop(w, g, m, v, t):
        v = 0.9 * v + 0.1 * g * g
        return w - 0.001 * g / jnp.sqrt(v + 1e-7), m, v

    def sgd(w, g, m, v, t):
        return w - 0.01 * g, m, v

    rule = {"adam": adam, "rmsprop": rmsprop, "sgd": sgd}[work.optimizer]

    def step(state, rows):
        weights, m, v, t = state
        loss, gradients = jax.value_and_grad(mean_loss)(weights, x[rows], y[rows])
        new = jax.tree.map(lambda w, g, m, v: rule(w, g, m, v, t + 1), weights, gradients, m, v)
        weights, m, v = (jax.tree.map(lambda three: three[i], new, is_leaf=lambda n: isinstance(n, tuple) and len(n) == 3)
                         for i in range(3))
        return (weights, m, v, t + 1), loss

    @jax.jit
    def epoch(state, order):
        state, losses = jax.lax.scan(step, state, order)
        return state, jnp.mean(losses)

    generator = numpy.random.default_rng(1)
    weights = [(jnp.asarray(w), jnp.asarray(b)) for w, b in work.start()]
    version = f"jax {jax.__version__}"
    if work.infer:
        predict = jax.jit(lambda x: jax.nn.softmax(logits_of(weights, x)))
        driver.infer("plain JAX, jit", version, work, lambda x: numpy.asarray(predict(x)))
    x, y = jnp.asarray(work.x), jnp.asarray(work.y)
    zeros = jax.tree.map(jnp.zeros_like, weights)
    state = (weights, zeros, zeros, jnp.float32(0))
    driver.hello("plain JAX, lax.scan", version, work)
    shuffle = numpy.arange
    while True:
        driver.begin_epoch()
        order = shuffle(len(work.x)).reshape(-1, work.batch)
        state, loss = epoch(state, jnp.asarray(order))
        driver.end_epoch(loss)
        shuffle = generator.permutation
