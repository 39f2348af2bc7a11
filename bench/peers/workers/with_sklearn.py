# SPDX-License-Identifier: MIT
"""scikit-learn's MLPClassifier: an epoch is one call of partial_fit."""


def run_sklearn(work, driver):
    import numpy
    import sklearn
    import sklearn.neural_network
    version = f"scikit-learn {sklearn.__version__}"
    adam = {"solver": "adam", "learning_rate_init": 0.001, "epsilon": 1e-7}
    sgd = {"solver": "sgd", "learning_rate_init": 0.01, "momentum": 0.0}
    classes = numpy.arange(work.net[-1])
    # alpha is a penalty on weights, which the others do not have.
    model = sklearn.neural_network.MLPClassifier(tuple(work.net[1:-1]), batch_size=work.batch, alpha=0.0, shuffle=False, random_state=1,
                                                 **(adam if work.optimizer == "adam" else sgd))
    # Its weights exist after a first call, and then are replaced; so are the moments that this call left.
    model.set_params(batch_size=1)
    model.partial_fit(work.x[:1], work.labels[:1], classes=classes)
    model.set_params(batch_size=work.batch)
    for at, (weights, biases) in enumerate(work.start()):
        model.coefs_[at][:], model.intercepts_[at][:] = weights, biases
    if work.infer:
        driver.infer("scikit-learn, predict_proba", version, work, model.predict_proba)
    optimizer = model._optimizer
    optimizer.t = 0  # Adam's steps
    for moments in getattr(optimizer, "ms", []), getattr(optimizer, "vs", []):
        for values in moments:
            values[:] = 0
    driver.hello("scikit-learn, partial_fit", version, work)
    while True:
        driver.begin_epoch()
        model.partial_fit(work.x, work.labels)
        driver.end_epoch(model.loss_)
        model.set_params(shuffle=True)
