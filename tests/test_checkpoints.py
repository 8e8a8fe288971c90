"""The files of a run: which are resumed from, refused, set aside; and one writer at a time."""

import os
import subprocess
import sys
import warnings

import pytest
import torch

from gancourse import checkpoints, data, nets
from gancourse.checkpoints import MAGIC, CheckpointError, Lock, TornError
from gancourse.training import DivergedError, GANTrainer

torch.set_num_threads(1)
RING = data.ring()


def trainer(width=16, **settings):
    torch.manual_seed(0)
    settings = {"batch_size": 16, "seed": 1, "device": "cpu"} | settings
    pair = nets.MLPGenerator(width=width, depth=1), nets.MLPDiscriminator(width=width, depth=1)
    return GANTrainer(*pair, **settings)


def everything(t):
    parts = [*t.generator.state_dict().values(), *t.discriminator.state_dict().values()]
    for optimizer in (t.optimizer_g, t.optimizer_d):
        parts += [v for s in optimizer.state.values() for v in s.values()]
    parts += [t.history.d_loss, t.rng.get_state(), torch.get_rng_state(), torch.tensor(t.step)]
    return [part.clone() for part in parts]


def same(a, b):
    return len(a) == len(b) and all(map(torch.equal, a, b))


def rewrite(path, change):
    state = checkpoints.read(path, torch.device("cpu"))
    changed = change(state)
    state = changed if isinstance(changed, list) and changed[:1] == [1] else state
    checkpoints.write(state, path)


def names(folder):
    """What lies there, but for the lines of losses, which have tests of their own."""
    return sorted(p.name for p in folder.iterdir() if ".jsonl" not in p.name)


@pytest.fixture
def path(tmp_path):
    """A run of 20 steps, with the save at 10 beside it."""
    trainer().fit(RING, 20, checkpoint=tmp_path / "run.ckpt", save_every=10, progress=False)
    return tmp_path / "run.ckpt"


# --- whose settings -------------------------------------------------------------------------------


def test_the_settings_are_the_trainers_and_differences_are_named(path):
    calm = trainer(lr=1e-4, betas=(0.0, 0.9), r1=0.5, loss="hinge")
    with pytest.warns(UserWarning) as said:
        calm.fit(data.grid(), 30, checkpoint=path, progress=False)
    told = str(said[0].message)
    assert "lr was (0.001, 0.001) and is (0.0001, 0.0001)" in told and "from step 21 on" in told
    assert "betas was" in told and "r1 was 0.0 and is 0.5" in told and "loss was" in told
    assert "the data are others" in told and "seed" not in told
    for optimizer in (calm.optimizer_g, calm.optimizer_d):
        assert optimizer.param_groups[0]["lr"] == 1e-4
        assert optimizer.param_groups[0]["betas"] == (0.0, 0.9)
    assert calm.step == len(calm.history) == 30


def test_a_finished_run_asked_for_with_other_settings_is_loud(path):
    with pytest.warns(UserWarning, match=r"r1 was 0.0 and is 1.0.*FINISHED.*fresh=True"):
        trainer(r1=1.0).fit(RING, 20, checkpoint=path, progress=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        trainer().fit(RING, 20, checkpoint=path, progress=False)  # the same: not a word


def test_fine_tuning_has_its_own_rate_and_schedule(tmp_path):
    path = tmp_path / "run.ckpt"
    old = trainer(schedule="cosine")
    old.fit(RING, 10, checkpoint=path, progress=False)
    tuned = trainer(schedule="linear", lr=2e-3)
    with pytest.raises(ValueError, match="decays its learning rate over 10.*networks_only"):
        tuned.fit(RING, 30, checkpoint=path, progress=False)
    assert tuned.step == 0  # refused before anything was taken over
    tuned.load(path, networks_only=True)
    assert tuned.step == 0 and not tuned.optimizer_g.state
    assert tuned.sample(4).equal(old.sample(4))
    tuned.fit(RING, 4, progress=False)
    assert tuned.optimizer_g.param_groups[0]["lr"] == pytest.approx(2e-3 * 0.5)
    assert tuned.step == 4


def test_the_schedules_length_comes_with_the_file(tmp_path):
    path = tmp_path / "run.ckpt"
    trainer(schedule="cosine").fit(RING, 10, checkpoint=path, progress=False)
    loaded = trainer(schedule="cosine")
    loaded.load(path)
    assert loaded.total == 10
    with pytest.raises(ValueError, match="steps=12, but the run so far"):
        loaded.fit(RING, 12, progress=False)


# --- beginning anew -------------------------------------------------------------------------------


def first_steps(t, path, **more):
    seen = []
    t.fit(RING, 25, checkpoint=path, progress=False, callback_steps=range(26),
          callback=lambda t: seen.append(t.step), **more)  # fmt: skip
    return seen[0]


def test_fresh_really_begins_anew(path):
    new = trainer()
    assert first_steps(new, path, fresh=True) == 0
    assert names(path.parent) == ["run.ckpt", "run.ckpt.old"]
    kept = trainer()
    kept.load(path.with_name("run.ckpt.old"))
    assert kept.step == 20
    with pytest.raises(ValueError, match="has done 25 steps"):
        new.fit(RING, 30, checkpoint=path, fresh=True, progress=False)


def test_a_deleted_file_is_not_replaced_by_the_one_before_in_silence(path):
    path.unlink()
    with pytest.warns(UserWarning, match=r"begins anew.*run.ckpt.old"):
        assert first_steps(trainer(), path) == 0
    assert names(path.parent) == ["run.ckpt", "run.ckpt.old"]


# --- torn, foreign, older, newer ------------------------------------------------------------------


def refused(t, path, match):
    """By load and by fit; neither changes the trainer, or a file."""
    before, files = everything(t), {p: p.read_bytes() for p in path.parent.iterdir()}
    for call in (lambda: t.load(path), lambda: t.fit(RING, 40, checkpoint=path, progress=False)):
        with pytest.raises(CheckpointError, match=match):
            call()
        assert same(before, everything(t))
        assert files == {p: p.read_bytes() for p in path.parent.iterdir()}


def test_a_foreign_file_is_refused_and_nothing_is_renamed(path):
    refused(trainer(width=8), path, "other networks")
    refused(trainer(ema=0.9), path, "ema")
    path.write_bytes(b"somebody's notes")
    refused(trainer(), path, "no checkpoint of GANTrainer")
    torch.save({"a": torch.zeros(3)}, path)
    refused(trainer(), path, "no checkpoint of GANTrainer")


def test_a_refused_load_is_taken_back_from_the_middle(path):
    """The generator fits, the discriminator does not; or only an optimizer's state is wrong."""
    t = trainer()
    t.fit(RING, 5, progress=False)
    t.discriminator.extra = torch.nn.Parameter(torch.zeros(1))
    refused(t, path, "discriminator: extra is not in the file")
    rewrite(path, lambda s: s["optimizer_d"]["param_groups"].clear())
    t = trainer()
    t.fit(RING, 5, progress=False)
    refused(t, path, "optimizers")


@pytest.mark.parametrize("name", [*checkpoints.NEEDED])
def test_what_is_missing_is_named(path, name):
    rewrite(path, lambda s: (s.pop(name), None)[1])
    refused(trainer(), path, f"nothing for '{name}'")


def test_other_contents_are_named(path):
    rewrite(path, lambda s: [1, 2])
    refused(trainer(), path, "holds a list")
    rewrite_to = {"format": checkpoints.FORMAT + 1}
    checkpoints.write(rewrite_to, path)
    refused(trainer(), path, "update it")


def test_weights_that_are_not_finite_are_refused(path):
    rewrite(path, lambda s: s["generator"]["net.0.weight"].fill_(float("nan")).numel() * 0)
    refused(trainer(), path, "not finite")


def test_an_older_file_is_read_and_named(path):
    rewrite(path, lambda s: [s.pop(k) for k in ("format", "settings", "data")] and None)
    t = trainer()
    with pytest.warns(UserWarning, match="earlier version, which kept no settings"):
        t.fit(RING, 30, checkpoint=path, progress=False)
    assert t.step == 30


@pytest.mark.parametrize("damage", [lambda b: b"", lambda b: b"\0" * len(b), lambda b: b[:-7]])
def test_a_torn_file_is_set_aside(path, damage):
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(TornError):
        checkpoints.read(path, torch.device("cpu"))
    with pytest.warns(UserWarning, match="going on from"):
        assert first_steps(trainer(), path) == 11
    assert names(path.parent) == ["run.ckpt", "run.ckpt.prev", "run.ckpt.torn"]


def test_leftovers_of_a_killed_writer_are_cleared_away(path):
    path.with_name("run.ckpt.123.tmp").write_bytes(b"half")
    path.with_name("run.ckpt.mine.tmp").write_bytes(b"not ours")
    trainer().fit(RING, 25, checkpoint=path, progress=False)
    assert names(path.parent) == ["run.ckpt", "run.ckpt.mine.tmp", "run.ckpt.prev"]


def test_a_link_stays_one_and_the_home_folder_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "far").mkdir()
    (tmp_path / "run.ckpt").symlink_to(tmp_path / "far" / "it.ckpt")
    for steps in (5, 10):
        trainer().fit(RING, steps, checkpoint="~/run.ckpt", progress=False)
    assert (tmp_path / "run.ckpt").is_symlink()
    assert names(tmp_path / "far") == ["it.ckpt", "it.ckpt.prev"]
    t = trainer()
    t.load("~/run.ckpt")
    t.save("~/other.ckpt")
    assert t.step == 10 and (tmp_path / "other.ckpt").exists()


# --- one writer, and saves that fail --------------------------------------------------------------

HOLDER = """
import sys, time
from pathlib import Path
from gancourse.checkpoints import Lock
lock = Lock(Path(sys.argv[1]))
lock.take()
print("held", flush=True)
time.sleep(60)
"""


def test_a_second_writer_is_refused_until_the_first_is_gone(path):
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout.readline() == "held\n"
        for call in (
            lambda: trainer().fit(RING, 30, checkpoint=path, progress=False),
            lambda: trainer().save(path),
        ):
            with pytest.raises(CheckpointError, match=f"another run .process {holder.pid} on"):
                call()
    finally:
        holder.kill()
        holder.wait(30)
    holder.stdout.close()
    trainer().fit(RING, 30, checkpoint=path, progress=False)
    assert names(path.parent) == ["run.ckpt", "run.ckpt.prev"]


def test_a_run_may_save_its_own_file_and_nobody_elses(path):
    t, other = trainer(), trainer()

    def save(t):
        t.save(path)
        with pytest.raises(CheckpointError, match="another run"):
            other.save(path)

    t.fit(RING, 25, checkpoint=path, progress=False, callback=save, callback_steps=[22])
    other.save(path)


def test_where_a_folder_has_no_locks_the_process_counts(tmp_path, monkeypatch):
    import fcntl

    def none(*_):
        raise OSError(95, "not supported")

    monkeypatch.setattr(fcntl, "flock", none)
    one = Lock(tmp_path / "run.ckpt")
    one.take()
    text = one.name.read_text()
    one.name.write_text(text.replace(str(os.getpid()), str(os.getppid())))  # one that lives
    with pytest.raises(CheckpointError, match=str(os.getppid())):
        Lock(tmp_path / "run.ckpt").take()
    one.name.write_text(text.replace(str(os.getpid()), "4194999"))  # one that can't
    two = Lock(tmp_path / "run.ckpt")
    two.take()
    two.release()


def test_a_save_that_fails_does_not_end_the_run(path, monkeypatch):
    fsync, old = os.fsync, path.read_bytes()

    def full(_):
        raise OSError("no space left")

    def weather(t):
        monkeypatch.setattr(os, "fsync", full if t.step < 55 else fsync)
        if t.step == 55:
            assert path.read_bytes() == old and names(path.parent)[:1] == ["run.ckpt"]

    t = trainer()
    with pytest.warns(UserWarning) as said:
        t.fit(RING, 60, checkpoint=path, save_every=10, progress=False, callback=weather,
              callback_steps=[21, 55])  # fmt: skip
    assert [("no space left" in str(w.message), "step 30" in str(w.message)) for w in said] == [
        (True, True)
    ]
    again = trainer()
    again.load(path)
    assert again.step == 60


def test_no_file_of_weights_that_are_not_finite(path):
    t = trainer()
    t.load(path)
    with torch.no_grad():
        t.generator.net[0].weight[0, 0] = float("inf")
    old = path.read_bytes()
    with pytest.raises(DivergedError, match="weight of the generator"):
        t.save(path)
    with pytest.raises(DivergedError):
        t.fit(RING, 21, progress=False)
    assert path.read_bytes() == old and MAGIC in old


def test_a_file_of_the_second_format_is_read(tmp_path):
    """Its settings have their old names; nothing differs, so nothing is said."""
    path = tmp_path / "run.ckpt"
    trainer(schedule="cosine", weight_clip=0.1).fit(RING, 10, checkpoint=path, progress=False)

    def older(s):
        s["format"] = 2
        for new, old in (("schedule", "decay"), ("weight_clip", "clip")):
            s["settings"][old] = s["settings"].pop(new)

    rewrite(path, older)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        t = trainer(schedule="cosine", weight_clip=0.1)
        t.load(path)
    assert t.total == 10
    with pytest.warns(UserWarning, match="weight_clip was 0.1 and is 0.2"):
        trainer(schedule="cosine", weight_clip=0.2).load(path)
