# SPDX-License-Identifier: MIT
"""The systems: their environments, and the processes that do the work."""
import array
import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import zlib

from machine import environment_of
from works import PEERS, ROOT, why_not

WORKERS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "workers")
ENVIRONMENTS = {"tensorflow": ["tensorflow-cpu", "keras"], "jax": ["jax", "keras"], "torch": ["torch", "keras"],
                "scikit-learn": ["scikit-learn"], "onnxruntime": ["onnxruntime", "onnx"]}
# PyTorch's own place has a build without CUDA, a tenth as large; PyPI has none for x86-64.
CPU_TORCH = "https://download.pytorch.org/whl/cpu"


CLEAR = "\r\x1b[K" if sys.stderr.isatty() else ""


class Missing(Exception):
    """Why a system cannot be measured."""


def say(sentence):
    print(CLEAR + sentence, file=sys.stderr, flush=True)


def show(sentence):
    """What is being done, on a terminal only: the next sentence takes its place."""
    if CLEAR:
        print(CLEAR + sentence[:shutil.get_terminal_size().columns - 1], end="", file=sys.stderr, flush=True)


# ---- what is needed ------------------------------------------------------------------------------------------------------

def run_quietly(*command, **more):
    return subprocess.run(command, check=False, capture_output=True, encoding="utf-8", **more)


def make_environment(name, venvs):
    """The Python of a virtual environment that has what it needs; installs what is missing, once."""
    folder = os.path.join(venvs, "venv-" + name)
    python, ready = os.path.join(folder, "bin", "python"), os.path.join(folder, "ready")
    if os.path.exists(ready):
        return python
    say(f"installing {' '.join(ENVIRONMENTS[name])} into {folder}")
    steps = [] if os.path.exists(python) else [(sys.executable, "-m", "venv", folder)]
    if name == "torch":
        cpu = run_quietly(sys.executable, "-m", "venv", folder) if steps else None
        cpu = run_quietly(python, "-m", "pip", "install", "--quiet", "--retries", "0", "--timeout", "20", "--index-url", CPU_TORCH, "torch")
        if cpu.returncode:
            say(f"{CPU_TORCH} was not reached: PyPI's build has CUDA in it and takes about 6 GB of disk")
    steps.append((python, "-m", "pip", "install", "--quiet", "--no-cache-dir", "numpy", *ENVIRONMENTS[name]))
    for step in steps:
        done = run_quietly(*step)
        if done.returncode:
            raise Missing(f"`{' '.join(step[:4])}` failed: {(done.stderr.strip().splitlines() or ['?'])[-1]}")
    with open(ready, "w", encoding="utf-8") as file:
        file.write(run_quietly(python, "-m", "pip", "freeze").stdout)
    return python


def make_program(name, venvs):
    """A worker in C. Its name has the sum of its source: the folder may serve several source folders."""
    total, source = 0, [os.path.join(WORKERS, name + ".c"), os.path.join(WORKERS, "worker.h")]
    for path in source:
        with open(path, "rb") as file:
            total = zlib.crc32(file.read(), total)
    program = os.path.join(venvs, f"{name}-{total:08x}")
    if os.path.exists(program):
        return program
    os.makedirs(venvs, exist_ok=True)
    libraries = ["-lfloatfann"] if name == "fann" else []
    compiler = os.environ.get("CC", "cc").split()
    done = run_quietly(*compiler, "-std=gnu11", "-Wall", "-Wextra", "-Ofast", "-march=native", source[0], "-o", program, *libraries, "-lm")
    if done.returncode:
        raise Missing(f"{name}.c does not compile" + (" (Debian has FANN as libfann-dev)" if libraries else "") + ": " +
                      (done.stderr.strip().splitlines() or ["?"])[0])
    return program


def install_fann():
    if run_quietly("pkg-config", "--exists", "fann").returncode and shutil.which("apt-get"):
        say("installing libfann-dev")
        run_quietly(os.path.join(ROOT, "scripts", "install-packages"), "libfann-dev")


def prepare_all(options):
    """Installs what is missing before the time begins. Each peer's command, without its options, or why there is none."""
    options.commands = {}
    for peer in options.peers:
        if any(not why_not(peer, work) for work in options.chosen):
            try:
                options.commands[peer] = prepare(peer, options)
            except Missing as why:
                options.commands[peer] = str(why)


def prepare(peer, options):
    if peer == "plain-c":
        return [make_program("loop", options.venvs)]
    if peer == "fann":
        if options.install:
            install_fann()
        return [make_program("fann", options.venvs)]
    ready = os.path.join(options.venvs, "venv-" + PEERS[peer], "ready")
    if not options.install and not options.python and not os.path.exists(ready):
        raise Missing(f"not installed: bench/peers/install {PEERS[peer]}")
    python = options.python or make_environment(PEERS[peer], options.venvs)
    return [python, os.path.join(WORKERS, "peer.py"), "--system", peer]


# ---- the processes -------------------------------------------------------------------------------------------------------

class System:
    """A worker process and what it answered. It is awake only while it works: the threads of many systems spin while they wait."""

    def __init__(self, key, command, options, threads, cpus):
        self.key, self.name, self.losses, self.error = key, key, [], 0.0
        self.seconds, self.cpu, self.others = {}, {}, {}  # by rounds
        self.patience = options.patience
        self.log = os.path.join(options.exchange, key + ".log")
        self.socket, theirs = socket.socketpair()
        self.stream = self.socket.makefile("rw", encoding="utf-8")
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([*command, "--worker", str(theirs.fileno())], pass_fds=[theirs.fileno()],
                                            env=environment_of(options, threads), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            preexec_fn=lambda: self.prepare(cpus))
        theirs.close()

    @staticmethod
    def prepare(cpus):
        os.setpgid(0, 0)  # Ctrl-C is the driver's
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # at the driver's death: one that is stopped would never see it
        os.sched_setaffinity(0, cpus)

    def move(self, cpus):
        for thread in os.listdir(f"/proc/{self.process.pid}/task"):
            os.sched_setaffinity(int(thread), cpus)

    def ask(self, line, patience=None, awake=False):
        """An answer; it is stopped then, unless it is to stay awake."""
        try:
            self.socket.settimeout(min(self.patience, patience or self.patience))
            os.kill(self.process.pid, signal.SIGCONT)
            if line:
                self.stream.write(line + "\n")
                self.stream.flush()
            answer = self.stream.readline()
            if answer and not awake:  # without an answer it is ending
                os.kill(self.process.pid, signal.SIGSTOP)
        except TimeoutError:
            raise Missing(f"it did not answer within {self.socket.gettimeout():.0f} s") from None
        except OSError:
            answer = ""
        if not answer:
            try:
                status = self.process.wait(20)
            except subprocess.TimeoutExpired:
                status = "none yet"
            raise Missing(f"its process ended (exit status {status}): {self.last_words()}")
        try:
            answer = json.loads(answer)
        except ValueError:
            raise Missing(f"it answered {answer.strip()[:80]!r}") from None
        if "refused" in answer:
            raise Missing(answer["refused"])
        return answer

    def last_words(self):
        with open(self.log, encoding="utf-8", errors="replace") as log:
            return ([line.strip() for line in log if line.strip()] or ["it said nothing"])[-1]

    def hello(self):
        self.card = self.ask("")
        # Lamina's worker calls itself by its backend.
        self.name = f"Lamina, {self.card['name']}" if self.key.startswith("lamina-") else self.card["name"]
        self.error = self.card.get("error", 0.0)

    def epochs(self, count, patience=None):
        """Seconds and CPU seconds of one of several epochs. The first of all is not shuffled: all systems do the same."""
        seconds = cpu = 0.0
        for at in range(count):
            answer = self.ask("epoch" if self.losses else "first", patience, at + 1 < count)
            self.losses.append(answer["loss"])
            seconds, cpu = seconds + answer["seconds"], cpu + answer["cpu"]
        return seconds / count, cpu / count

    def calls(self, count, patience=None):
        answer = self.ask(f"time {count}", patience)
        return answer["wall"] / count, answer["cpu"] / count

    def end(self):
        try:
            os.kill(self.process.pid, signal.SIGCONT)
            self.socket.shutdown(socket.SHUT_RDWR)  # the end of what it reads
            self.process.wait(2)
        except (OSError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
        self.stream = self.socket = None


def read_floats(path):
    values = array.array("f")
    with open(path, "rb") as file:
        values.frombytes(file.read())
    return values


def furthest(first, second):
    """The largest difference between two files of floats."""
    a, b = read_floats(first), read_floats(second)
    return max(abs(x - y) for x, y in zip(a, b)) if len(a) == len(b) else float("inf")


def start_lamina(gemm, work, options, threads, cpus, data):
    """Lamina's worker. The first one leaves its weights (of an inference its rows and outputs too) for the others to start from."""
    program = os.path.join(options.build, "bench", "lamina-bench")
    if not os.path.exists(program):
        raise Missing(f"{program} is not there: build it (meson setup {options.build} -Dbench=true; ninja -C {options.build})")
    command = [program, "infer" if work.infer else "train", "--net", work.net, "--batch", str(work.batch), "--threads", str(threads),
               "--backends", gemm, *(["--as-is"] if options.as_is else [])]
    if not work.infer:
        # The folder's training part: its test part has no business here.
        command += ["--optimizer", work.optimizer, "--loss", work.loss, "--rows", str(work.rows), "--data", data.rstrip("/") + "/train"]
    system = System("lamina-" + gemm, command, options, threads, cpus)
    try:
        system.hello()
        if work.infer:
            system.ask(f"batch {work.batch}")
        first = os.path.join(options.exchange, "weights.f32")
        folder = os.path.join(options.exchange, gemm) if os.path.exists(first) else options.exchange
        os.makedirs(folder, exist_ok=True)
        system.ask("save " + folder)
        if folder != options.exchange and work.infer:
            system.error = furthest(os.path.join(folder, "outputs.f32"), os.path.join(options.exchange, "outputs.f32"))
    except (Missing, KeyboardInterrupt):
        system.end()
        raise
    return system


def start_peer(peer, work, options, threads, cpus, data):
    """A worker on its way, which is still to say hello."""
    command = options.commands[peer]
    if isinstance(command, str):
        raise Missing(command)
    command = command + ["--net", work.net, "--batch", str(work.batch), "--threads", str(threads), "--optimizer", work.optimizer, "--loss", work.loss,
                "--data", data, "--rows", str(work.batch if work.infer else work.rows), "--work", "infer" if work.infer else "train",
                "--exchange", options.exchange]
    return System(peer, command, options, threads, cpus)


def find_limit(work, options, threads, cpus, data):
    """The seconds that an epoch or a call cannot do without on this machine, as lamina-bench measures them; None where it does not."""
    program = os.path.join(options.build, "bench", "lamina-bench")
    command = [program, "infer" if work.infer else "train", "--net", work.net, "--batch", str(work.batch), "--threads", str(threads), "--backends",
               options.lamina[0], "--pin", ",".join(map(str, sorted(cpus))), "--rounds", "3", "--launches", "1", "--min-time", str(options.turn), "--quiet", "--json"]
    if not work.infer:
        command += ["--optimizer", work.optimizer, "--loss", work.loss, "--rows", str(work.rows), "--data", data.rstrip("/") + "/train"]
    try:
        done = run_quietly(*command, timeout=60, stdin=subprocess.DEVNULL)
        return json.loads(done.stdout)["results"][0]["limit_us"] * 1e-6 * work.steps()
    except (OSError, ValueError, LookupError, TypeError, subprocess.TimeoutExpired):
        return None
