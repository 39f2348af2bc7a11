# SPDX-License-Identifier: MIT
"""`lamina gemm`: libraries that crash, hang, exit or print are told apart and the rest go on.

Arguments: the program, the source folder, the folder of the libraries that are wrong.
"""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

import tap
from liars import REASONS, liar

PROGRAM, SOURCE = map(os.path.abspath, sys.argv[1:3])


def gemm(*arguments, libraries, program=PROGRAM):
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("LAMINA_", "VIRTUAL_ENV"))}
    environment["LAMINA_GEMM_PATH"] = ":".join(libraries)
    return subprocess.run([program, "gemm", *arguments], env=environment, stdin=subprocess.DEVNULL, capture_output=True,
                          encoding="utf-8", timeout=300, check=False)


def test_each_library_that_is_wrong_is_refused_with_its_reason_and_the_rest_go_on():
    done = gemm("--json", libraries=[liar(name) for name in [*REASONS, "honest", "old"]])
    assert done.returncode == 0, done
    listing = json.loads(done.stdout)
    backends = {backend["name"]: backend for backend in listing["backends"]}
    assert len(backends) == len(listing["backends"]) and listing["product"] == "32x256x784:NN", listing
    for name, reason in REASONS.items():
        backend = backends["liar_" + name]
        assert re.search(reason, backend["refused"]), backend
        assert backend["gflops"] is None and backend["path"] == liar(name), backend
    for name in "native", "liar_honest", "liar_old":
        assert backends[name]["refused"] is None and backends[name]["gflops"] > 0, backends[name]
    assert backends["liar_old"]["core"] == "Prescott" and backends["liar_old"]["threads"] == 4, backends["liar_old"]
    keys = ["name", "provider", "path", "version", "core", "threads", "integer_bits", "refused", "warning", "gflops"]
    assert list(backends["native"]) == keys, backends["native"]


def test_the_product_that_is_timed_must_be_right_before_and_after():
    # One is wrong there and nowhere else; the other from the seventh call on, and vetting asks for no product so often.
    done = gemm("--json", libraries=[liar("one_size"), liar("late"), liar("honest")])
    assert done.returncode == 0, done
    backends = {backend["name"]: backend for backend in json.loads(done.stdout)["backends"]}
    for name, place in ("liar_one_size", "row 31, column 255"), ("liar_late", "row 0, column 0"):
        reason = rf"its product 32x256x784:NN \(lda 784, .*\) gives .* in {place}, not .* which is more than rounding explains"
        assert re.search(reason, backends[name]["refused"]) and backends[name]["gflops"] is None, backends[name]
    assert backends["liar_honest"]["gflops"] > 0, backends
    alone = gemm("--vet", liar("one_size"), libraries=[])
    assert alone.returncode == 1 and "row 31, column 255" in json.loads(alone.stdout)["refused"], alone


def test_the_table_names_what_was_found_and_why_it_is_refused():
    done = gemm(libraries=[liar("corner"), liar("honest_wide")])
    assert done.returncode == 0, done
    assert re.search(r"^native +\d+\.\d GF/s Lamina's own; core \w+", done.stdout, re.MULTILINE), done.stdout
    assert re.search(r"^liar_corner +refused .*row 16, column 16", done.stdout, re.MULTILINE), done.stdout
    assert re.search(r"^liar_honest_wide +\d+\.\d GF/s .*64-bit integers", done.stdout, re.MULTILINE), done.stdout
    assert f"\n{'':18} {liar('corner')}\n" in done.stdout, done.stdout


def test_one_library_is_vetted_in_the_process_itself():
    good, bad = gemm("--vet", liar("honest"), libraries=[]), gemm("--vet", liar("gaps"), libraries=[])
    assert good.returncode == 0 and json.loads(good.stdout)["bits"] == 32, good
    assert bad.returncode == 1 and json.loads(bad.stdout)["refused"].startswith("the gemm backend "), bad


def test_an_unknown_backend_of_a_training_is_answered_with_the_names():
    done = gemm("--vet", "goto", libraries=[liar("honest")])
    assert done.returncode == 1 and "no gemm backend" in done.stdout and "liar_honest" in done.stdout, done


def test_auto_tells_what_it_chose_and_keeps_it_in_a_file():
    command = [PROGRAM, "train", "--data", "digits", "--layers", "20:relu,10:softmax", "--loss", "sparse_categorical_crossentropy",
               "--epochs", "1", "--gemm", "auto", "--wisdom"]
    with tempfile.TemporaryDirectory() as folder:
        path, told = os.path.join(folder, "wisdom.json"), []
        for _ in range(2):
            done = subprocess.run([*command, path], capture_output=True, encoding="utf-8", cwd=SOURCE, check=False)
            assert done.returncode == 0, done
            told.append([line for line in done.stderr.splitlines() if line.startswith("gemm auto: ")])
        with open(path, encoding="utf-8") as file:
            learnt = json.load(file)
        assert learnt["lamina_wisdom"] == 1 and len(learnt["products"]) == len(told[0]) >= 5, (learnt, told)
        assert told[0] == told[1] and "32x20x64:NN" in told[0][0], told
        with open(path, "w", encoding="utf-8") as file:
            file.write("nonsense")
        done = subprocess.run([*command, path], capture_output=True, encoding="utf-8", cwd=SOURCE, check=False)
        assert done.returncode == 1 and path in done.stderr, done


def test_a_program_with_raised_privileges_ignores_the_path():
    if os.getuid() != 0:
        raise tap.Skip("only root can make a program of another user's")
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        raised = shutil.copy(PROGRAM, folder)
        os.chown(raised, 65534, 65534)
        os.chmod(raised, 0o4755)
        plain = gemm("--vet", "liar_empty", libraries=[liar("empty")])
        ignored = gemm("--vet", "liar_empty", libraries=[liar("empty")], program=raised)
        if os.statvfs(folder).f_flag & os.ST_NOSUID:
            raise tap.Skip("programs here get no other user's rights")
    assert "has no cblas_sgemm" in plain.stdout, plain
    assert "there is no gemm backend" in ignored.stdout and "liar_honest" not in ignored.stdout, ignored


if __name__ == "__main__":
    sys.exit(tap.run(tap.functions("__main__")))
