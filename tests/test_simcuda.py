"""The GPU path without a GPU: tests/simcuda/check_*.py on a simulated CUDA device, each in a child."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent / "simcuda"
ROOT = HERE.parents[1]
RUN = "import sys, simcuda, pytest; sys.exit(pytest.main(sys.argv[1:]))"


def library() -> Path:
    """The compiled device, built when the source or torch changed."""
    import torch

    source = HERE / "simcuda.cpp"
    stamp = f"{torch.__version__} {sys.version}".encode() + source.read_bytes()
    path = ROOT / "_build" / f"simcuda-{hashlib.sha256(stamp).hexdigest()[:12]}.so"
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        home, part = Path(torch.__file__).parent, path.with_suffix(f".{os.getpid()}")
        abi = int(torch._C._GLIBCXX_USE_CXX11_ABI)
        command = ["g++", "-std=c++20", "-O1", "-fPIC", "-shared", str(source), "-o", str(part)]
        command += [f"-D_GLIBCXX_USE_CXX11_ABI={abi}", f"-I{home}/include"]
        command += [f"-I{home}/include/torch/csrc/api/include", f"-L{home}/lib"]
        command += ["-ltorch", "-ltorch_cpu", "-lc10", f"-Wl,-rpath,{home}/lib"]
        done = subprocess.run([*command, "-Wl,--no-as-needed"], capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(done.stderr[-2000:])
        part.replace(path)
    return path


def why_not() -> str:
    import torch

    if torch.version.cuda:
        return "this torch is built for CUDA: the device can't be simulated beside the real one"
    if sys.platform != "linux":
        return f"the device is simulated on Linux, this is {sys.platform}"
    return "" if shutil.which("g++") else "no g++ to build the device with"


def child(code: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
    env = os.environ | {"SIMCUDA_SO": str(library()), "OMP_NUM_THREADS": "2", **environment}
    env["PYTHONPATH"] = f"{HERE}{os.pathsep}{ROOT}"
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)


def pytest_in_child(*arguments: str, **environment: str) -> subprocess.CompletedProcess:
    options = ["-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-o", "python_files=check_*.py"]
    return child(RUN, *options, "-o", "python_functions=check_*", *arguments, **environment)


@pytest.mark.parametrize("name", sorted(p.stem for p in HERE.glob("check_*.py")))
def test_on_the_simulated_device(name):
    if reason := why_not():
        pytest.skip(reason)
    done = pytest_in_child(str(HERE / f"{name}.py"))
    assert done.returncode == 0, f"{done.stdout[-12000:]}\n{done.stderr[-3000:]}"


if __name__ == "__main__":
    if reason := why_not():
        sys.exit(reason)
    if len(sys.argv) == 1:
        print(library())
    else:
        counts = sys.argv[1:] == ["table"]
        done = child("import simcuda, table; table.main()") if counts else pytest_in_child(*sys.argv[1:])
        print(done.stdout, done.stderr)
        sys.exit(done.returncode)
