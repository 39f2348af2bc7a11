#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Prints the polynomial coefficients of src/kernels/functions.h, each with the largest relative error of its polynomial.

Each polynomial minimises the largest relative error of the whole function it stands in. It is found by the Remez exchange; then
the coefficients are rounded to float one by one, the lowest first, and the others found anew around those that are fixed, so that
rounding costs next to nothing. Needs mpmath (pip install mpmath).
"""
import struct

import mpmath as mp

mp.mp.prec = 160


def to_float(x):
    return mp.mpf(struct.unpack("f", struct.pack("f", float(x)))[0])


def hex_float(x):
    text = float(x).hex()  # 13 digits, the last six of which are zero for a float
    mantissa, exponent = text.split("p")
    mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
    return f"{mantissa}p{int(exponent)}f"


def remez(g, weight, powers, low, high):
    """c with g - sum c_k x^powers[k] minimal in max |weight (...)| over [low, high], and that maximum."""
    exact, count = weight, len(powers) + 1
    weight = lambda t: max(exact(t), mp.mpf(2) ** -30)  # it may be 0 at 0
    x = [(low + high) / 2 - (high - low) / 2 * mp.cos(mp.pi * (i + mp.mpf("0.53")) / count) for i in range(count)]
    grid = [(low + high) / 2 - (high - low) / 2 * mp.cos(mp.pi * i / 1500) for i in range(1501)]
    g_grid, w_grid = [g(t) for t in grid], [weight(t) for t in grid]
    for _ in range(30):
        rows = [[t**p for p in powers] + [(-1) ** i / weight(t)] for i, t in enumerate(x)]
        solution = mp.lu_solve(mp.matrix(rows), mp.matrix([g(t) for t in x]))
        c, level = list(solution[:-1]), abs(solution[-1])
        errors = [w * (v - sum(k * t**p for k, p in zip(c, powers))) for t, v, w in zip(grid, g_grid, w_grid)]
        extrema = []  # the largest error of each run of equal sign
        for t, e in zip(grid, errors):
            if extrema and (e > 0) == (extrema[-1][1] > 0):
                if abs(e) > abs(extrema[-1][1]):
                    extrema[-1] = (t, e)
            else:
                extrema.append((t, e))
        while len(extrema) > count:
            extrema.pop(0 if abs(extrema[0][1]) < abs(extrema[-1][1]) else -1)
        worst = max(abs(e) for e in errors)
        if len(extrema) < count or worst < level * (1 + mp.mpf(10) ** -6):
            return c, worst
        x = [t for t, _ in extrema]
    return c, worst


def rounded(name, g, weight, powers, low, high):
    low, high = mp.mpf(low), mp.mpf(high)
    c, ideal = remez(g, weight, list(powers), low, high)
    fixed, rest = [], list(powers)
    while rest:
        fixed.append((to_float(c[0]), rest.pop(0)))
        taken = list(fixed)
        again, error = remez(lambda t: g(t) - sum(k * t**p for k, p in taken), weight, rest, low, high) if rest else ([], 0)
        c = again if error < 1.25 * ideal else c[1:]  # where the exchange does not settle, the rest stays as it was
    grid = [low + (high - low) * i / 4000 for i in range(4001)]
    worst = max(abs(weight(t) * (g(t) - sum(k * t**p for k, p in fixed))) for t in grid)
    print(f"{name}: relative error 2^{float(mp.log(worst, 2)):.2f}, 2^{float(mp.log(ideal, 2)):.2f} before rounding")
    for k, p in fixed:
        print(f"  x^{p}: {hex_float(k)}")


def constants():
    ln2 = mp.log(2)
    high = mp.mpf(int(ln2 * 2**15)) / 2**15  # 15 bits: n * high is exact for |n| < 2^9
    print(f"log2(e) {hex_float(to_float(1 / ln2))}  ln 2 {hex_float(to_float(ln2))} = {hex_float(high)} + "
          f"{hex_float(to_float(ln2 - high))}")


def away(f, limit):
    """f with the removable hole at 0 filled by its limit."""
    return lambda t: f(t) if abs(t) > mp.mpf(2) ** -60 else mp.mpf(limit)


if __name__ == "__main__":
    constants()
    half = mp.log(2) / 2 * (1 + mp.mpf(2) ** -10)  # a little more: n is rounded from a rounded product
    rounded("exp(x) = 1 + x + x^2 p(x)", away(lambda t: (mp.exp(t) - 1 - t) / t**2, 0.5), lambda t: t**2 / mp.exp(t),
            range(5), -half, half)
    rounded("log(1 + x) = x + x^2 p(x)", away(lambda t: (mp.log1p(t) - t) / t**2, -0.5),
            lambda t: abs(t**2 / mp.log1p(t)) if t else mp.mpf(0), range(9), mp.mpf(-1) / 3, mp.mpf(1) / 3)
    rounded("tanh(x) = x + x^3 p(x^2)", away(lambda t: (mp.tanh(t) - t) / t**3, mp.mpf(-1) / 3),
            lambda t: t**3 / mp.tanh(t), range(0, 10, 2), mp.mpf(2) ** -20, mp.mpf("0.5625"))
    rounded("x - tanh(x) = x^3 p(x^2)", away(lambda t: (t - mp.tanh(t)) / t**3, mp.mpf(1) / 3),
            lambda t: t**3 / (t - mp.tanh(t)), range(0, 14, 2), mp.mpf(2) ** -20, mp.mpf("0.8125"))
    # t = (a - 3) / (a + 3) for a from 0 to 14.5
    tail = lambda t: (lambda a: mp.erfc(a / mp.sqrt(2)) / 2 * mp.exp(a * a / 2) * (a + 3))(3 * (1 + t) / (1 - t))
    rounded("e^(a^2/2) (1 - Phi(a)) (a + 3) = p((a - 3) / (a + 3))", tail, lambda t: 1 / tail(t), range(11), -1,
            mp.mpf("11.5") / mp.mpf("17.5"))
