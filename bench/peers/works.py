# SPDX-License-Identifier: MIT
"""What is measured: the works, the rows they are trained on, and which system does which work."""
import dataclasses
import gzip
import os
import random
import shutil
import struct

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FILES = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"


@dataclasses.dataclass
class Work:
    """A training or, where `infer`, calls with `batch` rows each. `rows` are those of an epoch."""
    name: str
    net: str
    batch: int
    optimizer: str = "adam"
    loss: str = "sparse_categorical_crossentropy"
    rows: int = 20000
    infer: bool = False
    weight: float = 1  # in sharing out the time

    def widths(self):
        return [int(width) for width in self.net.split("-")]

    def steps(self):
        """Of an epoch; a call is one."""
        return 1 if self.infer else self.rows // self.batch

    def text(self):
        if self.infer:
            return f"{self.net}, inference of {self.batch:,} row{'s' if self.batch > 1 else ''}"
        loss = {"sparse_categorical_crossentropy": "cross-entropy", "categorical_crossentropy": "cross-entropy of one-hot rows",
                "mean_squared_error": "MSE"}[self.loss]
        optimizer = {"adam": "Adam", "rmsprop": "RMSprop", "sgd": "SGD"}[self.optimizer]
        return f"{self.net}, {optimizer}, {loss}, batch {self.batch}"

    def label(self):
        """The same in a table where the loss goes without saying, unless it does not."""
        return self.text().replace("inference of ", "").replace(", cross-entropy,", ",")


WORKS = {work.name: work for work in (
    Work("784-256-15", "784-256-15", 32),
    Work("784-512-10", "784-512-10", 128, "rmsprop", "mean_squared_error"),
    Work("400-25-15-10", "400-25-15-10", 32),
    Work("4-6-6-3", "4-6-6-3", 32),
    Work("784-2048-2048-10", "784-2048-2048-10", 512, rows=2560, weight=2),
    Work("infer-784-512-10-b1", "784-512-10", 1, infer=True, weight=0.7),
    Work("infer-4-6-6-3-b1", "4-6-6-3", 1, infer=True, weight=0.7),
    Work("infer-784-512-10-b10000", "784-512-10", 10000, infer=True))}

# A peer's virtual environment, "" where it needs none.
PEERS = {"keras-tensorflow": "tensorflow", "keras-jax": "jax", "keras-torch": "torch", "torch": "torch", "torch-compiled": "torch",
         "jax": "jax", "scikit-learn": "scikit-learn", "onnxruntime": "onnxruntime", "fann": "", "plain-c": ""}


def why_not(peer, work):
    """Why a peer does not do a work; "" where it does."""
    if peer == "onnxruntime" and not work.infer:
        return "ONNX Runtime is measured for inference only"
    if peer == "scikit-learn" and not work.infer and (work.optimizer == "rmsprop" or work.loss == "mean_squared_error"):
        return "scikit-learn's classifier has neither RMSprop nor the mean squared error"
    if peer == "scikit-learn" and work.widths()[-1] < 3:
        return "scikit-learn's classifier has one output for two classes"
    return ""


def beside(peer, work):
    """Why a peer's time is told and not compared; "" where it is compared."""
    if peer != "fann":
        return ""
    if work.infer:
        return "FANN has neither relu nor softmax: the same widths with sigmoids, and weights of its own"
    return "FANN has neither Adam, relu nor softmax: the same widths and batches with sigmoids and squares, trained by plain gradients"


# ---- rows ----------------------------------------------------------------------------------------------------------------

def idx(path, shape, data):
    with open(path, "wb") as file:
        file.write(bytes([0, 0, 8, len(shape)]) + struct.pack(f">{len(shape)}I", *shape) + data)


def random_data(folder, rows, width, classes):
    """Random bytes, the same each time. The label is the residue class of pixels that sums highest: something to learn."""
    folder = os.path.join(folder, f"random-{width}-{classes}-{rows}")
    if os.path.exists(os.path.join(folder, FILES[1])):
        return folder
    os.makedirs(folder, exist_ok=True)
    draw, pixels, labels = random.Random(1), bytearray(), bytearray()
    for _ in range(rows):
        row = draw.randbytes(width)
        sums = [sum(row[c::classes]) for c in range(classes)]
        pixels += row
        labels.append(sums.index(max(sums)))
    idx(os.path.join(folder, FILES[0]), (rows, 1, width), pixels)
    idx(os.path.join(folder, FILES[1]), (rows,), labels)
    return folder


def unpacked(folder, data):
    """The folder itself, or one beside the environments with its files unpacked: not every system reads .gz."""
    if not any(os.path.exists(os.path.join(data, name + ".gz")) for name in FILES):
        return data
    target = os.path.join(folder, "data-" + os.path.basename(data.rstrip("/")))
    os.makedirs(target, exist_ok=True)
    for name in FILES:
        source, path = os.path.join(data, name), os.path.join(target, name)
        if not os.path.exists(path):
            with (open(source, "rb") if os.path.exists(source) else gzip.open(source + ".gz")) as packed, open(path + ".new", "wb") as file:
                shutil.copyfileobj(packed, file)
            os.replace(path + ".new", path)
    return target


def find_data(options, work):
    """The folder with the rows, and what to call them."""
    widths = work.widths()
    if options.data not in ("auto", "random"):
        return unpacked(options.venvs, options.data), options.data
    places = [os.path.join(place, "fashion-mnist")
              for place in (os.environ.get("LAMINA_DATA", ""), "data", os.path.join(ROOT, "data"), "/usr/share/datasets") if place]
    for folder in places if options.data == "auto" and widths[0] == 784 and widths[-1] >= 10 else []:
        name = os.path.join(folder, FILES[0])
        if os.path.exists(name) or os.path.exists(name + ".gz"):
            return unpacked(options.venvs, folder), "Fashion-MNIST"
    classes = min(10, widths[-1])
    return random_data(options.venvs, work.rows, widths[0], classes), f"random bytes, {classes} classes"
