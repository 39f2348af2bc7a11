# SPDX-License-Identifier: MIT
"""PyTorch, eager and compiled."""


def make_model(work, torch):
    layers = []
    for weights, biases in work.start():
        linear = torch.nn.Linear(*weights.shape)
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(weights.T.copy()))
            linear.bias.copy_(torch.from_numpy(biases.copy()))
        layers += [linear, torch.nn.ReLU()]
    # The softmax is in the loss where that is a cross-entropy.
    softmax = work.infer or work.loss == "mean_squared_error"
    return torch.nn.Sequential(*layers[:-1], *([torch.nn.Softmax(1)] if softmax else []))


def make_rmsprop(torch, parameters):
    """Keras's: epsilon stands under the root. PyTorch's own adds it to the root, which is another training where gradients are as small as
    those of a mean squared error. The same calls for all tensors at once that PyTorch's has inside."""
    parameters = list(parameters)
    squares = [torch.zeros_like(parameter) for parameter in parameters]

    class RMSprop(torch.optim.Optimizer):
        @torch.no_grad()
        def step(self, closure=None):
            gradients = [parameter.grad for parameter in parameters]
            torch._foreach_mul_(squares, 0.9)
            torch._foreach_addcmul_(squares, gradients, gradients, 0.1)
            roots = torch._foreach_add(squares, 1e-7)
            torch._foreach_sqrt_(roots)
            torch._foreach_addcdiv_(parameters, gradients, roots, -0.001)

    return RMSprop(parameters, {})


def make_optimizer(work, torch, parameters):
    """With Keras's numbers; the fused kernels, which are PyTorch's fastest, where it has them for the CPU."""
    if work.optimizer == "adam":
        return torch.optim.Adam(parameters, 0.001, eps=1e-7, fused=True)
    if work.optimizer == "rmsprop":
        return make_rmsprop(torch, parameters)
    return torch.optim.SGD(parameters, 0.01, fused=True)


def run_torch(work, driver):
    """The usual loop over index batches; compiled are the forward pass with the loss, and with them the backward pass."""
    import torch
    torch.set_num_threads(work.threads)
    compiled = work.system == "torch-compiled"
    name, version = "PyTorch, " + ("compiled" if compiled else "eager"), f"torch {torch.__version__}"
    model = make_model(work, torch)
    if work.infer:
        with torch.inference_mode():
            call = torch.compile(model) if compiled else model
            driver.infer(name, version, work, lambda x: call(x).numpy(), torch.from_numpy)
    criterion = torch.nn.MSELoss() if work.loss == "mean_squared_error" else torch.nn.CrossEntropyLoss()
    optimizer = make_optimizer(work, torch, model.parameters())
    x, y = torch.from_numpy(work.x), torch.from_numpy(work.y)
    if work.sparse:
        y = y.long()

    def compute(inputs, targets):
        return criterion(model(inputs), targets)

    if compiled:
        compute = torch.compile(compute)
    driver.hello(name, version, work)
    shuffle = torch.arange
    while True:
        driver.begin_epoch()
        total, batches = torch.zeros(()), shuffle(len(x)).split(work.batch)
        for rows in batches:
            optimizer.zero_grad()
            loss = compute(x[rows], y[rows])
            loss.backward()
            optimizer.step()
            total += loss.detach()
        driver.end_epoch(total / len(batches))
        shuffle = torch.randperm
