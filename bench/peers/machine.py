# SPDX-License-Identifier: MIT
"""The machine card, how busy others kept the machine, and the environment that systems are measured in."""
import os
import platform
import time

# Unset for measuring unless --as-is: they make a BLAS run other kernels than its best.
CHOOSERS = ["OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "OPENBLAS_BLOCK_FACTOR", "BLIS_ARCH_TYPE", "BLIS_MODEL_TYPE",
            "MKL_ENABLE_INSTRUCTIONS", "MKL_DEBUG_CPU_TYPE", "MKL_CBWR", "ONEDNN_MAX_CPU_ISA", "ONEDNN_CPU_ISA_HINTS", "DNNL_MAX_CPU_ISA",
            "DNNL_CPU_ISA_HINTS"]
MATTERS = ("OPENBLAS_", "OMP_", "KMP_", "GOMP_", "MKL_", "BLIS_", "ONEDNN_", "DNNL_", "LAMINA_", "XLA_", "JAX_", "KERAS_", "TF_NUM_", "TF_ENABLE",
           "NPROC", "MALLOC_", "LD_PRELOAD", "TORCH")


def environment_of(options, threads):
    environment = dict(os.environ)
    for name in CHOOSERS if not options.as_is else []:
        environment.pop(name, None)
    for name in "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "NPROC":
        environment[name] = str(threads)
    environment.update(JAX_PLATFORMS="cpu", TF_CPP_MIN_LOG_LEVEL="2", CUDA_VISIBLE_DEVICES="",
                       TORCHINDUCTOR_COMPILE_THREADS="1", TORCHINDUCTOR_CACHE_DIR=os.path.join(options.venvs, "inductor"),
                       KERAS_HOME=os.path.join(options.venvs, "keras"), PYTHONDONTWRITEBYTECODE="1")
    if threads == 1:
        environment["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    return environment


def cpu_name():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            return next((line.split(":", 1)[1].strip() for line in file if line.startswith("model name")), platform.processor())
    except OSError:
        return platform.processor()


def busy_seconds():
    """Seconds of all CPUs together since the start: at work, and taken by the hypervisor."""
    try:
        with open("/proc/stat", encoding="utf-8") as file:
            ticks = [int(number) / os.sysconf("SC_CLK_TCK") for number in file.readline().split()[1:9]]
    except OSError:
        return 0.0, 0.0
    return ticks[0] + ticks[1] + ticks[2] + ticks[5] + ticks[6], ticks[7]


def process_seconds(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            fields = file.read().rsplit(")", 1)[1].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Neighbours:
    """How many cores others kept busy, or a hypervisor took away, during one turn. The clock of /proc/stat ticks a hundred times a second, so
    that one turn says little, and the mean of several enough."""
    MOST = 0.15

    def __init__(self, pid):
        self.pid, self.wall, self.busy, self.own = pid, time.monotonic(), busy_seconds(), self.own_seconds(pid)

    @staticmethod
    def own_seconds(pid):
        """Of the worker and this process. A process's clock has its number in it (clock_getcpuclockid); 2 is that of the scheduler."""
        try:
            return time.process_time() + time.clock_gettime(~pid << 3 | 2)
        except OSError:  # it ended
            return time.process_time()

    def now(self):
        busy, stolen = (now - before for now, before in zip(busy_seconds(), self.busy))
        return (busy - (self.own_seconds(self.pid) - self.own) + stolen) / max(time.monotonic() - self.wall, 1e-3)


class Machine:
    """The machine card, and how busy others kept the machine between start and stop."""

    def __init__(self, pids, cpus):
        self.cpus = cpus
        self.pids = [os.getpid(), *pids]
        self.load_before = os.getloadavg()[0]
        self.wall, self.busy = time.monotonic(), busy_seconds()
        self.own = sum(map(process_seconds, self.pids))

    def stop(self, options, threads):
        wall = time.monotonic() - self.wall
        busy, stolen = (now - before for now, before in zip(busy_seconds(), self.busy))
        others = max(0.0, (busy - (sum(map(process_seconds, self.pids)) - self.own)) / wall)
        load = {"before": self.load_before, "after": os.getloadavg()[0], "others": others, "stolen": stolen / wall,
                "busy": others > 0.05 or stolen / wall > 0.01}
        shown = {name: value for name, value in environment_of(options, threads).items() if name.startswith(MATTERS)}
        unset = {name: os.environ[name] for name in CHOOSERS if name in os.environ and not options.as_is}
        return {"cpu": cpu_name(), "cpus": os.cpu_count(), "cpus_used": sorted(self.cpus), "system": platform.platform(),
                "python": platform.python_version(), "load": load, "environment": shown, "unset": unset}
