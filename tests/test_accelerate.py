"""Two processes under Hugging Face Accelerate (gloo, CPU) against one; a kill; the appendix's code.

Every launch is a real `accelerate launch`. It has a time limit, a free port and the loopback
interface only, and whatever it started is gone when a test ends.
"""

import io
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import torch

pytest.importorskip("accelerate")

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

import accelerate_child as child  # noqa: E402

from scripts import train_accelerate  # noqa: E402

torch.set_num_threads(1)
LAUNCH = [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2"]
LAUNCH += ["--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no"]
LAUNCH += ["--main_process_port", "0"]  # a free one
PAGE = (ROOT / "book" / "scaling-out.md").read_text(encoding="utf-8")
BLOCKS = {k: re.findall(rf"^```{k}\n(.*?)^```$", PAGE, re.M | re.S) for k in ("bash", "python")}
COMMAND = shlex.split(BLOCKS["bash"][0].replace("\\\n", " "))  # as the page prints it
RUN = COMMAND[COMMAND.index("scripts/train_accelerate.py") + 1 :]
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "GLOO_SOCKET_IFNAME": "lo",
    "CUDA_VISIBLE_DEVICES": "",
    "PYTHONPATH": str(ROOT),
    "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    "TQDM_DISABLE": "1",
}


class Launched:
    """A command with a limit; afterwards no process of it is left."""

    def __init__(self, command, folder, limit=240):
        # HF_HOME: no configuration of this machine's user
        environment = os.environ | ENVIRONMENT | {"HF_HOME": str(folder)}
        environment["GANCOURSE_RUNS"] = str(folder)
        self.log = open(folder / "log.txt", "w+")  # noqa: SIM115
        self.limit, self.command = limit, command
        self.process = subprocess.Popen(
            command, env=environment, cwd=ROOT, stdout=self.log, stderr=subprocess.STDOUT
        )

    def family(self):
        try:
            top = psutil.Process(self.process.pid)
            return [top, *top.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def end(self):
        """Wait; returns (exit code, output)."""
        try:
            self.process.wait(self.limit)
        except subprocess.TimeoutExpired:
            self.kill()
            pytest.fail(f"{self.command} took more than {self.limit} s:\n{self.output()[-3000:]}")
        finally:
            self.kill()
        return self.process.returncode, self.output()

    def kill(self):
        for process in self.family():
            try:
                process.kill()
            except psutil.NoSuchProcess:
                pass
        self.process.wait(30)

    def output(self):
        self.log.flush()
        return Path(self.log.name).read_text(errors="replace")


def good(command, folder):
    code, output = Launched(command, folder).end()
    assert code == 0, output[-3000:]
    return output


def distance(a, b):
    """Largest difference of two nested dictionaries of tensors."""
    if isinstance(a, dict):
        assert a.keys() == b.keys()
        return max((distance(a[k], b[k]) for k in a), default=0.0)
    if isinstance(a, torch.Tensor):
        return (a.double() - b.double()).abs().max().item() if a.numel() else 0.0
    return 0.0 if a == b else float("inf")


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """Both processes' results of all cases, and the folder of an uninterrupted run."""
    folder = tmp_path_factory.mktemp("two")
    (folder / "whole").mkdir()
    program = [str(ROOT / "tests" / "accelerate_child.py"), str(folder)]
    good([*LAUNCH, *program, *RUN, "--folder", str(folder / "whole")], folder)
    ranks = [torch.load(folder / f"rank{rank}.pt", weights_only=True) for rank in (0, 1)]
    return *ranks, folder / "whole"


@pytest.mark.parametrize("case", child.CASES)
def test_two_processes_give_one_processs_result(two, case):
    """After 20 steps at the same global batch; the second process built its nets from another seed.

    In fp16 a product is rounded differently in a batch of another size, and Adam makes a whole step
    of a gradient that is nearly 0 and only rounding: there the losses are compared.
    """
    one, other = child.train(case), two[0][case]
    assert two[0]["world"] == 2
    if "fp16" in case:
        one, other = ({k: r[k] for k in ("d_loss", "g_loss")} for r in (one, other))
    difference = distance(one, other)
    print(f"{case}: {difference:.1e}")
    assert difference < (1e-3 if "fp16" in case else 1e-5)
    assert distance(two[0][case], two[1][case]) == 0


def test_all_processes_stop_at_the_same_step(two):
    assert two[0]["diverge"] == two[1]["diverge"] == 21


def test_processes_that_read_different_checkpoints_are_told(two):
    for rank in (0, 1):
        told, saved = two[rank]["out_of_step"]
        assert "the processes stand at steps [3, 0]" in told
        assert saved == (rank == 0)


def test_what_does_not_fit_is_named(two):
    odd, parts, device = two[0]["refused"]
    assert "batch_size=33 can't be cut into accumulate=1 equal parts in each of 2" in odd
    assert "batch_size=34 can't be cut into accumulate=2 equal parts in each of 2" in parts
    assert "the accelerator brings the device" in device


class Told:
    """An accelerator with settings that the trainer refuses."""

    def __init__(self, kind="NO", precision="no"):
        self.distributed_type = type("Kind", (), {"value": kind})
        self.mixed_precision = precision


@pytest.mark.parametrize(
    ("accelerator", "words"),
    [(Told(kind="FSDP"), "distributed_type is FSDP"), (Told(precision="fp16"), "need 'no'")],
)
def test_accelerators_that_would_change_the_arithmetic_are_refused(accelerator, words):
    from gancourse import nets, training

    with pytest.raises(ValueError) as error:
        training.GANTrainer(nets.MLPGenerator(), nets.MLPDiscriminator(), accelerator=accelerator)
    assert words in str(error.value)


def checkpoint(path):
    content = path.read_bytes()[:-48]  # without its checksum
    return torch.load(io.BytesIO(content), weights_only=True)


def test_killed_and_resumed_from_the_main_processs_checkpoint(two, tmp_path):
    """The page's own command, killed and given again; it goes on after its last checkpoint."""
    launched = Launched(COMMAND, tmp_path)
    path = tmp_path / "train-accelerate" / "run.ckpt"
    deadline = time.monotonic() + 200
    while not path.exists() and launched.process.poll() is None:
        assert time.monotonic() < deadline, launched.output()
        time.sleep(0.005)
    (second,) = [p for p in launched.family() if p.environ().get("RANK") == "1"]
    second.send_signal(signal.SIGKILL)
    code, output = launched.end()  # the launcher ends the other one
    assert code != 0, output[-2000:]
    steps = int(RUN[RUN.index("--steps") + 1])
    assert 10 <= checkpoint(path)["step"] < steps
    assert not path.with_name("samples.png").exists()
    alone = tmp_path / "alone"
    alone.mkdir()
    shutil.copy(path, alone)

    output = good(COMMAND, tmp_path)
    assert f"step {steps} on 2 process(es)" in output
    assert path.with_name("samples.png").exists()
    whole, resumed = checkpoint(two[2] / "run.ckpt"), checkpoint(path)
    assert whole["step"] == resumed["step"] == len(resumed["d_loss"]) == steps
    assert distance(whole, resumed) == 0  # bit for bit, optimizers and random state too

    # And on one process, from the two processes' checkpoint. BatchNorm then sees the whole batch:
    # the same run in kind, not in numbers.
    train_accelerate.main([*RUN, "--folder", str(alone)])
    assert checkpoint(alone / "run.ckpt")["step"] == steps


def test_the_pages_two_lines():
    from accelerate import Accelerator

    from gancourse import data, nets
    from gancourse.training import GANTrainer

    names = {"Accelerator": Accelerator, "GANTrainer": GANTrainer}
    names |= {"generator": nets.MLPGenerator(), "discriminator": nets.MLPDiscriminator()}
    exec(BLOCKS["python"][0], names)
    assert len(names["trainer"].fit(data.ring(), 3, progress=False)) == 3


def test_the_pages_notebook_cell_in_a_notebook(tmp_path, monkeypatch):
    import nbclient
    import nbformat

    for name, value in (ENVIRONMENT | {"GANCOURSE_RUNS": str(tmp_path)}).items():
        monkeypatch.setenv(name, value)
    cell = nbformat.v4.new_code_cell(BLOCKS["python"][1])
    notebook = nbformat.v4.new_notebook(cells=[cell])
    notebook = nbclient.NotebookClient(notebook, timeout=200, kernel_name="python3").execute()
    text = "".join(output.get("text", "") for output in notebook.cells[0].outputs)
    assert "2 processes: step 60, 1000 samples" in text
    assert (tmp_path / "scaling-out" / "run.ckpt").exists()
