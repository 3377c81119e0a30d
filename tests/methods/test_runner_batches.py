"""How many tuples the runner gives to a method at once: what fits, half out of memory, never one alone."""

from __future__ import annotations

import logging
import weakref

import pytest
import torch
from runner_world import COUNT, IDS, MEASURED, Mix, MixSettings, contents, forget, images, install, run

from loho_bench.methods import batching
from loho_bench.methods.catalogue import default_registry
from loho_bench.methods.memory import peak_bytes
from loho_bench.methods.protocol import Transfer, TupleBatch

# As PyTorch says it, on a GPU, of its allocator on a processor, and as Python does.
SHORTAGES = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
    RuntimeError("[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate memory: you tried"),
    MemoryError(),
]


def too_many(fitting: int, error: BaseException = SHORTAGES[0]):
    """An incident: an error like ``error`` for batches of more than ``fitting``."""

    def incident(batch: TupleBatch) -> None:
        if len(batch) > fitting:
            raise type(error)(*error.args)

    return incident


@pytest.mark.parametrize("error", SHORTAGES, ids=["gpu", "processor", "python"])
def test_out_of_memory_halves_the_batch_and_goes_on(world, monkeypatch, caplog, error):
    expected, files = run(batch_size=2).drop(columns=MEASURED), contents()
    forget()
    built = install(monkeypatch.setattr, too_many(2, error))
    rows = run(batch_size=4)
    assert list(rows["tuple_id"]) == IDS
    assert set(rows["status"]) == {"ok"}
    assert rows.drop(columns=MEASURED).equals(expected)
    assert set(contents()) == set(files)
    assert list(rows["batch_size"]) == [2, 2, 2, 2, 1]
    assert [len(batch) for batch in built[0].batches] == [4, 2, 2, 2]
    (line,) = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert all(name in line for name in IDS[:4])
    assert f"4 together do not fit, going on with 2: out of memory: {error}" in line


def test_later_batches_keep_the_halved_size(world, monkeypatch):
    built = install(monkeypatch.setattr, too_many(1))
    rows = run(batch_size=3)
    assert [len(batch) for batch in built[0].batches] == [3, 1, 1, 1, 1, 1]
    assert list(rows["batch_size"]) == [1] * COUNT


def test_a_tuple_that_does_not_fit_alone_fails_with_the_reason(world, monkeypatch):
    install(monkeypatch.setattr, too_many(0))
    rows = run(batch_size=2)
    assert set(rows["status"]) == {"failed"}
    assert set(rows["reason"]) == {f"out of memory: {SHORTAGES[0]}"}


def test_nothing_of_a_failed_attempt_is_kept(world, monkeypatch):
    """An error's traceback holds the frames, and they the tensors: half a batch may not fit beside them."""
    made = []

    class Greedy(Mix):
        def transfer(self, batch: TupleBatch) -> Transfer:
            assert all(reference() is None for reference in made)
            given = super().transfer(batch.select(list(range(len(batch)))))
            activations = given.images.clone()
            made.extend(map(weakref.ref, (activations, given.images)))
            too_many(2)(batch)
            return given

    install(monkeypatch.setattr, method=Greedy)
    assert set(run(batch_size=4)["status"]) == {"ok"}
    assert len(made) == 8


class Shy(Mix):
    """Computes one sample in another way than several, as kernels do."""

    def transfer(self, batch: TupleBatch) -> Transfer:
        given = super().transfer(batch)
        given.images.add_(0.1 if len(batch) == 1 else 0.0)
        return given


def test_a_lone_tuple_gets_the_bits_of_company(world, monkeypatch):
    install(monkeypatch.setattr, method=Shy)
    run(batch_size=COUNT)
    expected = images()
    for size, computed in ((2, [2, 2, 2]), (4, [4, 2])):
        forget()
        built = install(monkeypatch.setattr, method=Shy)
        run(batch_size=size)
        assert images() == expected
        assert [len(batch) for batch in built[0].batches] == computed


def test_nothing_is_computed_twice_in_a_run_of_single_tuples(world, monkeypatch):
    install(monkeypatch.setattr, method=Shy)
    run(batch_size=2)
    in_company = images()
    forget()
    built = install(monkeypatch.setattr, method=Shy)
    run(batch_size=1)
    assert built[0].batches == [(tuple_id,) for tuple_id in IDS]
    assert all(images()[path] != content for path, content in in_company.items())


@pytest.mark.parametrize(
    ("free", "jobs", "sizes"),
    [
        # A tuple takes 1 GB and 0.6 of what is free is used: 100, 4, 3, 3, 2, 1 and 0 fit.
        (167e9, 1, [5]),
        (6.7e9, 1, [3, 2]),
        (5.1e9, 1, [3, 2]),
        (10.2e9, 2, [3, 2]),
        (3.4e9, 1, [2, 2, 2]),
        (3.3e9, 1, [1] * COUNT),
        (0.1e9, 1, [1] * COUNT),
    ],
)
def test_auto_takes_what_fits_into_the_free_memory(world, monkeypatch, caplog, free, jobs, sizes):
    built = install(monkeypatch.setattr)
    monkeypatch.setattr(batching, "free_bytes", lambda device: int(free))
    monkeypatch.setattr(batching, "peak_bytes", lambda call, device: call() and int(2e9))
    with caplog.at_level(logging.INFO):
        rows = run(batch_size="auto", jobs_at_once=jobs)
    assert set(rows["status"]) == {"ok"}
    rehearsal, real = built
    assert rehearsal.batches == [(IDS[0], IDS[0])]
    assert [len(batch) for batch in real.batches] == sizes
    (line,) = [r.getMessage() for r in caplog.records if "batches of" in r.getMessage() and "GB" in r.message]
    assert f"batches of {sizes[0]}: two tuples take 2.00 GB" in line


def test_auto_changes_no_result(world, monkeypatch):
    expected = run(batch_size=2).drop(columns=MEASURED)
    pictures = images()
    forget()
    assert run(batch_size="auto").drop(columns=MEASURED).equals(expected)
    assert images() == pictures


def test_auto_takes_one_where_two_do_not_fit(world, monkeypatch, caplog):
    built = install(monkeypatch.setattr, too_many(1))
    rows = run(batch_size="auto")
    assert set(rows["status"]) == {"ok"}
    assert "one tuple at a time" in caplog.text
    assert [len(batch) for batch in built[1].batches] == [1] * COUNT


def test_auto_rehearses_with_a_tuple_that_works(world, monkeypatch):
    def incident(batch: TupleBatch) -> None:
        if IDS[0] in batch.tuple_ids:
            raise ValueError("a broken portrait")

    built = install(monkeypatch.setattr, incident)
    monkeypatch.setattr(batching, "free_bytes", lambda device: int(1e9))
    assert list(run(batch_size="auto")["status"]) == ["failed"] + ["ok"] * (COUNT - 1)
    assert built[0].batches == [(IDS[0],) * 2, (IDS[1],) * 2]


def test_a_rehearsal_has_one_iteration_of_each_phase():
    class Phases(MixSettings):
        steps: int = 80
        noise_steps: int = 25
        late_steps: int = 0
        steps_are_traced: bool = True
        rate: float = 4.0

    short = batching.shortened(Phases(share=0.25))
    expected = Phases(share=0.25, steps=1, noise_steps=1, late_steps=0, steps_are_traced=True, rate=4.0)
    assert short == expected


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("loho", {"steps_stage_one": 3, "steps_stage_two": 3, "style_resolution": 32}),
        ("i2s-plus-plus", {"steps": 3, "noise_steps": 3, "perceptual_resolution": 32}),
    ],
)
def test_a_rehearsal_takes_the_memory_of_a_transfer(resources, batch, name, changes):
    spec = default_registry().get(name)
    whole = spec.configure(changes)

    def peak(settings, tuples: list[int]) -> int:
        method = spec.build(settings, resources)
        return peak_bytes(lambda: method.transfer(batch.select(tuples)), resources.device)

    of_two = peak(batching.shortened(whole), [0, 0])
    assert of_two == pytest.approx(peak(whole, [0, 1]), rel=0.1)
    # More tuples take no more than their part.
    assert of_two < peak(whole, [0, 1, 2, 0, 1, 2]) < 3.1 * of_two
