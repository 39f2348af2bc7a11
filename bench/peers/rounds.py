# SPDX-License-Identifier: MIT
"""One set: a work at a number of threads, done by all systems in rotated rounds."""
import dataclasses
import os
import shutil
import statistics
import tempfile
import time

import stats
from machine import Machine
from systems import Missing, say, start_lamina, start_peer
from works import beside, find_data, why_not

LEAST = 3            # rounds, however little time there is
ERROR = 1e-4         # between the probabilities of two systems
COMPILING = "keras-", "jax", "torch"
CALLING = 0.1        # seconds of a system in a round of calls


class Contest:
    def __init__(self, work, options, threads, deadline):
        self.work, self.options, self.threads, self.deadline = work, options, threads, deadline
        self.cpus = set(sorted(os.sched_getaffinity(0))[-threads:])
        self.systems, self.left_out, self.done, self.calls, self.interrupted = [], {}, 0, {}, False
        self.machine = None

    def leave_out(self, key, reason):
        self.left_out[key] = reason
        say(f"  {key} is left out: {reason}")

    def drop(self, system, reason):
        system.end()
        self.systems.remove(system)
        self.leave_out(system.key, reason)

    def start(self, data):
        """One after the other; each does its first epoch, which warms up and compiles, whose loss counts and whose time does not."""
        keys = ["lamina-" + gemm for gemm in self.options.lamina] + self.options.peers
        for key in keys:
            reason = "" if key.startswith("lamina-") else why_not(key, self.work)
            if reason:
                self.left_out[key] = reason
                continue
            try:
                starter, name = (start_lamina, key[7:]) if key.startswith("lamina-") else (start_peer, key)
                system = starter(name, self.work, self.options, self.threads, self.cpus, data)
            except Missing as why:
                self.leave_out(key, str(why))
                continue
            self.systems.append(system)
            try:
                self.warm_up(system, len(keys))
            except Missing as why:
                self.drop(system, str(why))

    def warm_up(self, system, count):
        """What would not fit into the time is left out: a system may take a quarter of it. One that compiles shows in the first round
        how long it takes."""
        if self.work.infer:
            seconds = max(system.calls(1)[0], 1e-7)
            seconds = max(min(seconds, system.calls(max(1, int(0.01 / seconds)))[0]), 1e-7)
            self.calls[system.key] = max(1, int(CALLING / seconds))
            seconds *= self.calls[system.key]
        else:
            seconds, _, loss = system.epoch()
            system.losses.append(loss)
        say(f"  {system.name} ({system.card['version']})")
        if not system.key.startswith(COMPILING):
            self.check_time(seconds, count)

    def check_time(self, seconds, count):
        if count > 2 and LEAST * seconds > max(self.deadline - time.monotonic(), 60) / 4:
            raise Missing(f"{'its calls of a round take' if self.work.infer else 'an epoch takes'} {seconds:.1f} s, more than the time allows")

    def measure(self, system):
        if not self.work.infer:
            seconds, cpu, loss = system.epoch()
            system.losses.append(loss)
        else:
            calls = self.calls[system.key]
            system.calls(max(1, calls // 8))  # into the caches
            seconds, cpu = system.calls(calls)
        system.seconds.append(seconds)
        system.cpu.append(cpu)

    def run(self):
        data, called = ("", "") if self.work.infer else find_data(self.options, self.work)
        self.options.exchange = tempfile.mkdtemp(prefix="peers-")
        try:
            self.start(data)
            self.machine = Machine([system.process.pid for system in self.systems], self.cpus)
            self.run_rounds()
        except KeyboardInterrupt:
            self.interrupted = True
            say("interrupted: what is done is kept")
        finally:
            report = self.report(called) if self.done else None
            for system in self.systems:
                system.end()
            shutil.rmtree(self.options.exchange)
        return report

    def run_rounds(self):
        for number in range(self.options.rounds):
            if number >= LEAST and time.monotonic() > self.deadline:
                break
            for place in range(len(self.systems)):
                system = self.systems[(number + place) % len(self.systems)]
                try:
                    self.measure(system)
                    if number == 0:
                        calls = self.calls.get(system.key, 1)
                        self.check_time(system.seconds[0] * calls, len(self.systems))
                except Missing as why:
                    system.failed = str(why)
            for system in [system for system in self.systems if hasattr(system, "failed")]:
                self.drop(system, system.failed)
            if not self.systems:
                break
            self.done += 1
            say(f"  round {self.done} of {self.options.rounds} at most: " +
                "  ".join(f"{s.key} {s.seconds[-1] * 1e3:.4g}" for s in self.systems) + " ms")

    # ---- what came of it ---------------------------------------------------------------------------------------------

    def report(self, called):
        for system in self.systems:
            del system.seconds[self.done:], system.cpu[self.done:], system.losses[self.done + 1:]
        compared = [system for system in self.systems if not beside(system.key, self.work)]
        order = [self.options.reference, *self.options.peers, *(system.key for system in self.systems)]
        reference = next((s for key in order for s in compared if s.key == key), None)
        rows = self.work.batch if self.work.infer else self.work.rows
        results = [self.result(system, reference, compared, rows) for system in self.systems]
        return {"work": {**dataclasses.asdict(self.work), "text": self.work.text(), "rows": rows, "data": called, "threads": self.threads,
                         "rounds": self.done, "reference": reference.key if reference else "", "band": self.options.band},
                "machine": self.machine.stop(self.options, self.threads), "results": results, "left_out": self.left_out}

    def agrees(self, system, compared):
        """The same outputs; or losses near those of the middle system, after the first and the last epoch."""
        if self.work.infer:
            return system.error <= ERROR
        for at in 0, self.done:
            middle = statistics.median(other.losses[at] for other in compared)
            if not abs(system.losses[at] / middle - 1) <= self.options.band:
                return False
        return True

    def result(self, system, reference, compared, rows):
        card, note = system.card, beside(system.key, self.work)
        ratio, low, high = (None,) * 3 if note or not reference else stats.ratio_interval(reference.seconds, system.seconds)
        told = "not compared" if note else "reference" if system is reference else stats.verdict(low, high)
        finite = [None if end is None or end != end else end for end in (ratio, low, high)]
        seconds = statistics.median(system.seconds)
        first, last = (None, None) if self.work.infer else (system.losses[0], system.losses[self.done])
        return {"system": system.key, "name": system.name, "version": card["version"], "core": card.get("core", ""), "isa": card.get("isa", ""),
                "gemm": card.get("gemm", ""), "warning": card.get("warning", ""), "note": note, "threads": self.threads,
                "threads_observed": sum(system.cpu) / sum(system.seconds), "seconds": seconds, "seconds_spread": stats.spread(system.seconds),
                "rows_per_second": rows / seconds, "ratio": finite[0], "ratio_low": finite[1], "ratio_high": finite[2], "verdict": told,
                "loss_first": first, "loss_last": last, "error": system.error if self.work.infer and not note else None,
                "agrees": bool(note) or self.agrees(system, compared), "rounds": system.seconds}
