# SPDX-License-Identifier: MIT
"""lamina-bench compare, on reports whose answers are known. Arguments: lamina-bench."""
import copy
import json
import math
import os
import subprocess
import sys
import tempfile

PROGRAM, SOURCE = map(os.path.abspath, sys.argv[1:3])
sys.path.insert(0, os.path.join(SOURCE, "tests", "cli"))
import tap  # pylint: disable=wrong-import-position


def product(backend, shape, us, noise, **more):
    """A result with an interval of this many percent to both sides."""
    return {"backend": backend, "shape": shape, "pass": "forward", "from": "", "threads": 1, "us": us, "us_low": us / (1 + noise / 100),
            "us_high": us * (1 + noise / 100), "command": f"lamina-bench gemm --shapes {shape}", **more}


OLD = {"command": "gemm",
       "machine": {"cpu": "one", "peak_gflops": 100, "load": {"busy": False}},
       "backends": [{"backend": "native", "version": "1", "refused": ""}, {"backend": "other", "version": "1", "refused": ""}],
       "results": [product("native", "8x8x8:NN", 10, 1), product("native", "9x9x9:NN", 20, 1), product("native", "9x9x9:NN", 20, 1),
                   product("other", "8x8x8:NN", 10, 1)]}


def compare(old, new, *arguments):
    """The exit status, the report, and what was told."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [os.path.join(folder, name) for name in ("old.json", "new.json")]
        for path, report in zip(paths, (old, new)):
            with open(path, "w", encoding="utf-8") as file:
                file.write(report if isinstance(report, str) else json.dumps(report))
        done = subprocess.run([PROGRAM, "compare", *paths, *arguments, "--json"], stdin=subprocess.DEVNULL, capture_output=True,
                              encoding="utf-8", timeout=60, check=False)
    return done.returncode, json.loads(done.stdout) if done.stdout else None, done.stderr


def changed(change):
    new = copy.deepcopy(OLD)
    change(new)
    return new


def scale(report, index, factor):
    for key in "us", "us_low", "us_high":
        report["results"][index][key] *= factor


def test_what_was_unset_is_compared_of_old_reports_too():
    # It was a text, and is a list.
    old, same, other = (changed(lambda new, unset=unset: new["machine"].update(unset=unset)) for unset in ("A=1 B=2", ["A=1", "B=2"], ["A=1"]))
    assert "unset" not in compare(old, same)[2] and "unset" not in compare(same, same)[2]
    assert 'unset was "A=1 B=2" and is "A=1"' in compare(same, other)[2]


def test_a_report_is_as_fast_as_itself():
    code, report, said = compare(OLD, OLD)
    assert code == 0 and [r["verdict"] for r in report["results"]] == ["not separated"] * 4, report
    assert all(abs(r["ratio"] - 1) < 1e-12 for r in report["results"]) and "0 slower, 0 faster, 4 not" in said, said


def test_what_is_slower_is_told_first_and_ends_with_3():
    code, report, said = compare(OLD, changed(lambda new: (scale(new, 0, 0.5), scale(new, 3, 2))))
    assert code == 3 and [r["verdict"] for r in report["results"]] == ["slower", "faster", "not separated", "not separated"], report
    slower, faster = report["results"][:2]
    assert list(slower) == ["what", "old", "new", "unit", "ratio", "ratio_low", "ratio_high", "verdict", "command"], slower
    assert slower["what"] == "other 8x8x8:NN forward" and faster["what"] == "native 8x8x8:NN forward"
    assert abs(slower["ratio"] - 0.5) < 1e-12 and abs(faster["ratio"] - 2) < 1e-12
    # Two halves of ln 1.01 at right angles.
    assert abs(faster["ratio_high"] - 2 * math.exp(math.sqrt(2) * math.log(1.01))) < 1e-9 and "1 slower, 1 faster" in said
    assert faster["command"] == "lamina-bench gemm --shapes 8x8x8:NN"


def test_changes_within_the_effect_or_the_noise_are_not_told():
    assert compare(OLD, changed(lambda new: scale(new, 0, 1.06)))[0] == 0  # 1.06 / 1.01^sqrt 2 = 1.045
    assert compare(OLD, changed(lambda new: scale(new, 0, 1.07)))[0] == 3  # 1.055
    assert compare(OLD, changed(lambda new: scale(new, 0, 1.07)), "--effect", "0.1")[0] == 0
    wide = changed(lambda new: new["results"].__setitem__(0, product("native", "8x8x8:NN", 14, 40)))
    assert compare(OLD, wide)[0] == 0
    unknown = changed(lambda new: new["results"].__setitem__(0, product("native", "8x8x8:NN", 99, 1, us_low=None, us_high=None)))
    assert compare(OLD, unknown)[0] == 0


def test_the_ratio_is_the_quotient_of_the_times_beside_it():
    def other_statistic(report):  # as if the time were a median, and not the middle of its interval
        for result in report["results"]:
            result["us"] *= 1.03
    _, report, _ = compare(changed(other_statistic), changed(lambda new: scale(new, 3, 2)))
    for result in report["results"]:
        assert abs(result["ratio"] - result["old"] / result["new"]) < 1e-12, result
        assert abs(math.log(result["ratio_low"] * result["ratio_high"] / result["ratio"] ** 2)) < 1e-12, result
    assert [result["ratio"] for result in report["results"]] == [0.5, 1, 1, 1], report["results"]


def test_what_is_on_the_other_side_of_the_reference_now_is_told():
    def verdicts(*told):
        return changed(lambda report: [result.update(verdict=verdict) for result, verdict in zip(report["results"], told)])
    old = verdicts("reference", "reference", "reference", "faster")
    for told, turned in ("slower", 1), ("not separated", 0), ("faster", 0):
        code, _, said = compare(old, verdicts("reference", "reference", "reference", told))
        assert code == 0 and f"; {turned} turned" in said, said
        assert ("other 8x8x8:NN forward was faster than native and is slower" in said) == bool(turned), said
    _, _, said = compare(old, verdicts("slower", "slower", "slower", "reference"))
    assert "; 0 turned" in said, said  # what they are compared with is not the same


def test_a_product_that_stands_twice_is_compared_with_its_like():
    _, report, _ = compare(changed(lambda old: scale(old, 2, 3)), OLD)
    assert [(r["what"], r["verdict"]) for r in report["results"]][0] == ("native 9x9x9:NN forward", "faster")
    assert [r["verdict"] for r in report["results"]].count("faster") == 1


def test_a_backend_that_is_refused_now_counts_as_worse():
    def refuse(new):
        new["backends"][1]["refused"] = "it crashes: Segmentation fault"
        del new["results"][3]
    code, _, said = compare(OLD, changed(refuse))
    assert code == 3 and "other is refused now: it crashes" in said and "1 results of" in said, said


def test_another_machine_is_told():
    def change(new):
        new["machine"].update(cpu="two", peak_gflops=50, load={"busy": True})
        new["backends"][0]["version"] = "2"
    _, _, said = compare(OLD, changed(change))
    for words in 'cpu was "one" and is "two"', "peak was 100 GF/s and is 50", "busy machine", 'native was "1" and is "2"':
        assert words in said, said


def test_what_is_no_report_is_refused_with_a_sentence():
    for bad, words in ("{", "byte"), ("{}", "not a report"), ("[1]", "not a report"), ({**OLD, "results": []}, "nothing in common"):
        code, _, said = compare(OLD, bad)
        assert code == 1 and words in said, (code, said)
    for arguments in [], ["one.json"], ["one.json", "two.json", "three.json"]:
        done = subprocess.run([PROGRAM, "compare", *arguments], stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", timeout=60,
                              check=False)
        assert done.returncode == 2 and done.stderr.count("\n") == 1, done
    done = subprocess.run([PROGRAM, "compare", "/nowhere/1", "/nowhere/2"], stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8",
                          timeout=60, check=False)
    assert done.returncode == 1 and "/nowhere/1" in done.stderr, done


if __name__ == "__main__":
    sys.exit(tap.run(tap.functions(__name__)))
