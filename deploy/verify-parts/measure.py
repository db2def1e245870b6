"""What a container takes, as the kernel counts it for its control group: what a kubelet would see, and what its limits are about."""
import threading


def _group(pid, controller):
    """The directory of one controller of a process, with cgroups of version 1 or 2."""
    with open(f"/proc/{pid}/cgroup", encoding="utf-8") as file:
        lines = [line.rstrip("\n").split(":", 2) for line in file]
    for _, controllers, path in lines:
        if controller in controllers.split(","):
            return f"/sys/fs/cgroup/{controller}{path}", True
    return next(f"/sys/fs/cgroup{path}" for number, _, path in lines if number == "0"), False


def _read(directory, name):
    with open(f"{directory}/{name}", encoding="utf-8") as file:
        return file.read()


def _numbers(directory, name):
    return {key: int(value) for key, value in (line.split() for line in _read(directory, name).splitlines())}


def _working_set(directory, old):
    """Bytes that cannot be had back: what the kubelet reports, and evicts by."""
    used = int(_read(directory, "memory.usage_in_bytes" if old else "memory.current"))
    return used - _numbers(directory, "memory.stat")["total_inactive_file" if old else "inactive_file"]


def memory_limit(pid):
    directory, old = _group(pid, "memory")
    return int(_read(directory, "memory.limit_in_bytes" if old else "memory.max").replace("max", "0"))


def out_of_memory(pid):
    """How many of its processes were killed for lack of memory."""
    directory, old = _group(pid, "memory")
    return _numbers(directory, "memory.oom_control" if old else "memory.events")["oom_kill"]


def cpu(pid):
    """Seconds of CPU that it used."""
    directory, old = _group(pid, "cpuacct")
    return int(_read(directory, "cpuacct.usage")) / 1e9 if old else _numbers(directory, "cpu.stat")["usage_usec"] / 1e6


class Gauge:
    """Looks at the working set of each pod that is running, twice a second, and keeps the largest."""

    def __init__(self):
        self.largest, self._groups = {}, []
        self._lock, self._over = threading.Lock(), threading.Event()
        threading.Thread(target=self._look, daemon=True).start()

    def watch(self, name, pid):
        with self._lock:
            self._groups.append((name, *_group(pid, "memory")))  # now: a process that is ending is in no group but the root

    def stop(self):
        self._over.set()

    def _look(self):
        while not self._over.wait(0.5):
            with self._lock:
                groups = list(self._groups)
            for name, *group in groups:
                try:
                    self.largest[name] = max(self.largest.get(name, 0), _working_set(*group))
                except OSError:
                    pass  # it has ended, and its group is gone
