# SPDX-License-Identifier: MIT
"""One set: a work at a number of threads, done by all systems in rotated rounds."""
import dataclasses
import os
import shutil
import statistics
import tempfile
import time

import stats
from machine import Machine, Neighbours
from systems import Missing, find_limit, say, show, start_lamina, start_peer
from works import beside, find_data, why_not

LEAST = 3            # turns of each system, however little time there is
ERROR = 1e-4         # between the probabilities of two systems
COMPILING = "keras-", "jax", "torch"


def share_out(costs, seconds, most):
    """How many turns each system gets of a time: all the same share of it, and of what the quick ones leave. Costs are those of a turn."""
    turns, left = {}, max(0.0, seconds)
    order = sorted(costs, key=costs.get)
    for place, key in enumerate(order):
        turns[key] = min(most, int(left / (len(order) - place) / costs[key]))
        left -= turns[key] * costs[key]
    return turns


class Contest:
    def __init__(self, work, options, threads, deadline):
        self.work, self.options, self.threads, self.deadline = work, options, threads, deadline
        self.cpus = set(sorted(os.sched_getaffinity(0))[-threads:])
        self.systems, self.left_out, self.done, self.interrupted = [], {}, 0, False
        self.counts, self.machine, self.limit = {}, None, None
        # A system may take a quarter of the time.
        self.allowance = max(deadline - time.monotonic(), 60) / 4

    def leave_out(self, key, reason):
        self.left_out[key] = reason
        say(f"  {key} is left out: {reason}")

    def drop(self, system, reason):
        self.systems = [other for other in self.systems if other is not system]
        self.leave_out(system.key, reason)
        system.end()

    # ---- the start -----------------------------------------------------------------------------------------------

    def start(self, data):
        """A few after the other; each does its first epochs, which warm up and compile, whose losses count and whose times do not."""
        for gemm in self.options.lamina:
            show(f"  lamina-{gemm} starts")
            try:
                self.systems.append(start_lamina(gemm, self.work, self.options, self.threads, self.cpus, data))
                self.warm_up(self.systems[-1])
            except Missing as why:
                self.leave_out("lamina-" + gemm, str(why))
        peers = []
        for key in self.options.peers:
            reason = why_not(key, self.work)
            if reason:
                self.left_out[key] = reason
            else:
                peers.append(key)
        places = sorted(os.sched_getaffinity(0))
        for at in range(0, len(peers), len(places)):
            # Imports take longest: as many at once as there are CPUs, each with as many of them as it will have.
            new = []
            for place, key in enumerate(peers[at:at + len(places)]):
                try:
                    new.append(start_peer(key, self.work, self.options, self.threads, self.cpus if self.threads > 1 else {places[place]}, data))
                    self.systems.append(new[-1])
                except Missing as why:
                    self.leave_out(key, str(why))
            for step in self.receive, self.warm_up:
                for system in [system for system in new if system in self.systems]:
                    show(f"  {system.key} starts")
                    try:
                        step(system)
                    except (Missing, OSError) as why:
                        self.drop(system, str(why))

    def receive(self, system):
        system.hello()
        system.move(self.cpus)

    def warm_up(self, system):
        """How often to do what a turn is made of, and what would not fit into the time is left out. The first epoch of one that compiles does
        not show how long it takes."""
        slow = system.key.startswith(COMPILING)
        patience = None if slow else self.allowance / (3 if beside(system.key, self.work) else 1.5)
        if self.work.infer:
            seconds = max(system.calls(1, patience)[0], 1e-7)
            seconds = max(min(seconds, system.calls(max(1, int(0.01 / seconds)), patience)[0]), 1e-7)
        else:
            seconds = system.epochs(1, patience)[0]
            if slow or seconds < self.allowance / LEAST:
                seconds = min(seconds, system.epochs(1, self.allowance)[0])
        self.counts[system.key] = max(1, int(self.options.turn / seconds))
        if LEAST * seconds > self.allowance:
            raise Missing(f"{'a call' if self.work.infer else 'an epoch'} takes {seconds:.1f} s, more than the time allows")
        say(f"  {system.name} ({system.card['version']})")

    # ---- the rounds ----------------------------------------------------------------------------------------------

    def measure(self, system, number):
        count = self.counts[system.key]
        if self.work.infer:
            system.calls(max(1, count // 8))  # into the caches
        neighbours = Neighbours(system.process.pid)
        seconds, cpu = system.calls(count) if self.work.infer else system.epochs(count)
        system.seconds[number], system.cpu[number] = seconds, cpu
        system.others[number] = neighbours.now()

    def run(self):
        data, called = ("", "") if self.work.infer else find_data(self.options, self.work)
        self.options.exchange = tempfile.mkdtemp(prefix="peers-")
        report = None
        try:
            if self.options.lamina:
                show("  the limit")
                self.limit = find_limit(self.work, self.options, self.threads, self.cpus, data)
            self.start(data)
            self.machine = Machine([system.process.pid for system in self.systems], self.cpus)
            self.run_rounds()
        except KeyboardInterrupt:
            self.interrupted = True
            say("interrupted: what is done is kept")
        finally:
            if self.done:
                report = self.report(called)
            for system in self.systems:
                system.end()
            shutil.rmtree(self.options.exchange)
        return report

    def run_rounds(self):
        """All take part in the first rounds; then those that are slow in fewer, spread over the rest."""
        turns, rounds = {}, min(LEAST, self.options.rounds)
        number = 0
        while number < rounds:
            self.run_round(number, [system for system in self.systems if number < LEAST or self.is_due(turns[system.key], number, rounds)])
            if not self.systems:
                return
            number += 1
            self.done = number
            if number == LEAST:
                costs = {s.key: max(statistics.median(s.seconds.values()) * self.counts[s.key] * (1.125 if self.work.infer else 1), 1e-3)
                         for s in self.systems}
                turns = share_out(costs, self.deadline - time.monotonic(), self.options.rounds - LEAST)
                rounds = LEAST + max(turns.values())
                say("  turns: " + "  ".join(f"{key} {LEAST + turns[key]}" for key in turns))
            if number >= LEAST and time.monotonic() > self.deadline:
                return

    @staticmethod
    def is_due(turns, number, rounds):
        number, rounds = number - LEAST, rounds - LEAST
        return (number + 1) * turns // rounds > number * turns // rounds

    def run_round(self, number, taking_part):
        order = [taking_part[(number + place) % len(taking_part)] for place in range(len(taking_part))]
        for system in order[::-1] if number % 2 else order:
            left = max(0, self.deadline - time.monotonic())
            show(f"  round {number + 1}: {system.key}" + (f" ({left:.0f} s of this set are left)" if left < 1e6 else ""))
            try:
                self.measure(system, number)
            except Missing as why:
                self.drop(system, str(why))
        if number < LEAST:
            say(f"  round {number + 1}: " + "  ".join(f"{s.key} {s.seconds[number] * 1e3:.4g}" for s in self.systems) + " ms")

    # ---- what came of it ---------------------------------------------------------------------------------------------

    def report(self, called):
        for system in self.systems:
            for values in system.seconds, system.cpu, system.others:
                values.pop(self.done, None)  # of a round that was interrupted
        compared = [system for system in self.systems if not beside(system.key, self.work)]
        keys = [self.options.reference, *(system.key for system in self.systems)]
        reference = next((s for key in keys for s in compared if s.key == key), None)
        rows = self.work.batch if self.work.infer else self.work.rows
        results = [self.result(system, reference, compared, rows) for system in self.systems]
        work = {key: value for key, value in dataclasses.asdict(self.work).items() if key != "weight"}
        return {"work": {**work, "text": self.work.text(), "label": self.work.label(), "rows": rows, "steps": self.work.steps(), "data": called,
                         "threads": self.threads, "rounds": self.done, "reference": reference.key if reference else "",
                         "band": self.options.band, "limit_us": self.limit and self.limit / self.work.steps() * 1e6},
                "machine": self.machine.stop(self.options, self.threads), "results": results, "left_out": self.left_out}

    def agrees(self, system, compared):
        """The same outputs; or the loss of the middle system after the first epoch, which is the same work for all, and a lower one in the
        end."""
        if self.work.infer:
            return system.error <= ERROR
        middle = statistics.median(other.losses[0] for other in compared)
        return abs(system.losses[0] / middle - 1) <= self.options.band and system.losses[-1] < system.losses[0]

    def result(self, system, reference, compared, rows):
        card, note = system.card, beside(system.key, self.work)
        both = [(reference.seconds[number], seconds) for number, seconds in system.seconds.items() if number in reference.seconds] \
            if reference else []
        ratio, low, high = (None,) * 3 if note or not both else stats.ratio_interval(*zip(*both))
        told = "not compared" if note else "reference" if system is reference else stats.verdict(low, high)
        finite = [None if end is None or end != end else end for end in (ratio, low, high)]
        times = list(system.seconds.values())
        seconds, others = statistics.median(times), statistics.fmean(system.others.values())
        first, last = (None, None) if self.work.infer else (system.losses[0], system.losses[-1])
        return {"system": system.key, "name": system.name, "version": card["version"], "core": card.get("core", ""), "isa": card.get("isa", ""),
                "gemm": card.get("gemm", ""), "warning": card.get("warning", ""), "note": note, "threads": self.threads,
                "threads_observed": sum(system.cpu.values()) / sum(times), "others": others, "busy": others > Neighbours.MOST,
                "seconds": seconds, "seconds_spread": stats.spread(times), "us": seconds / self.work.steps() * 1e6,
                "limit_share": self.limit and self.limit / seconds, "rows_per_second": rows / seconds,
                "ratio": finite[0], "ratio_low": finite[1], "ratio_high": finite[2], "verdict": told,
                "epochs": len(system.losses), "loss_first": first, "loss_last": last,
                "error": system.error if self.work.infer and not note else None,
                "agrees": bool(note) or self.agrees(system, compared), "rounds": times}
