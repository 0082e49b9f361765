"""A slot for each process that lives, taken over by the next when it dies."""

from __future__ import annotations

import multiprocessing
from multiprocessing.connection import Connection
from pathlib import Path

from avatarsite.monitoring.slots import Slots


def hold(slots: Slots, pipe: Connection) -> None:
    pipe.send(slots.mine())
    pipe.recv()
    pipe.send(slots.mine())


def test_each_process_has_its_own_and_the_next_takes_it_over(tmp_path: Path) -> None:
    slots = Slots(tmp_path)
    mine = slots.mine()
    assert slots.mine() == mine
    fork = multiprocessing.get_context("fork")
    children = []
    for _ in range(3):
        ours, theirs = fork.Pipe()
        process = fork.Process(target=hold, args=(slots, theirs))
        process.start()
        theirs.close()
        children.append((process, ours, ours.recv()))
    names = [name for _, _, name in children]
    assert len({mine, *names}) == 4
    for process, pipe, name in children:
        pipe.send("go on")
        assert pipe.recv() == name
        process.join()
        pipe.close()
    assert slots.mine() == mine
    ours, theirs = fork.Pipe()
    process = fork.Process(target=hold, args=(slots, theirs))
    process.start()
    assert ours.recv() == names[0]  # the lowest that is free
    ours.send("go on")
    process.join()
    ours.close()
    theirs.close()
    slots.close()
    assert len(list(tmp_path.glob("*.lock"))) == 4
