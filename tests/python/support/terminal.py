"""Programs that ask a person, on a pseudo-terminal."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import subprocess
import termios
import time
from dataclasses import dataclass

from .programs import Program


@dataclass
class Conversation:
    """What came of a program that was talked to."""

    shown: str
    exit_code: int
    # Whether the terminal shows what is typed, as it did before.
    echoes: bool


def converse(program: Program, *arguments: object, answers: list[tuple[str, str]], timeout: float = 60) -> Conversation:
    """Runs a program on a terminal of its own, and types each answer once its question has appeared."""
    person, terminal = pty.openpty()
    process = subprocess.Popen(
        program.command(*arguments),
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        env={**os.environ, **program.environment},
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    shown, answered, deadline = b"", 0, time.monotonic() + timeout
    waiting = list(answers)
    while process.poll() is None or select.select([person], [], [], 0)[0]:
        if time.monotonic() > deadline:
            process.kill()
            raise AssertionError(f"still waiting after {timeout} s:\n{shown.decode()}")
        if select.select([person], [], [], 0.05)[0]:
            shown += os.read(person, 4096)
        if waiting and waiting[0][0].encode() in shown[answered:]:
            answered = len(shown)
            # The question appears a moment before the terminal is made ready for its answer.
            time.sleep(0.2)
            os.write(person, waiting.pop(0)[1].encode())
    echoes = bool(termios.tcgetattr(terminal)[3] & termios.ECHO)
    os.close(person)
    os.close(terminal)
    assert not waiting, f"never asked for {waiting[0][0]!r}:\n{shown.decode()}"
    return Conversation(shown.decode(errors="replace").replace("\r", ""), process.returncode, echoes)
