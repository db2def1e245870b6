"""Runs the pods of rendered manifests with podman, plays a shop's day against them, and replaces each service under load."""
import argparse
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

import measure
from manifests import Manifests, cpus, size

SERVICES = ["ordering", "inventory", "notification", "analytics"]
APPLICATION = [*SERVICES, "console"]
KINDS = {"postgres": "StatefulSet", "rabbitmq": "StatefulSet", "broker-topology": "Job"}

options = argparse.ArgumentParser()
for option in ("--manifests", "--secrets", "--work", "--id", "--shop", "--images", "--orders", "--rate"):
    options.add_argument(option, required=True)
options = options.parse_args()
manifests = Manifests(options.manifests, options.secrets)
images = dict(pair.split("=", 1) for pair in options.images.split(","))
gauge = measure.Gauge()
children = []


def say(line):
    print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)


def podman(*args, check=True):
    done = subprocess.run(["podman", *args], capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise SystemExit(f"podman {' '.join(args[:3])} ... ended with {done.returncode}: {done.stderr.strip()[-2000:]}")
    return done.stdout.strip()


class Pod:
    """A pod of a Deployment, a StatefulSet or a Job, as the manifest says."""

    def __init__(self, name, number=0):
        self.name, self.kind = name, KINDS.get(name, "Deployment")
        self.pod, self.spec = f"{options.id}-{name}-{number}", manifests.spec(self.kind, name)
        self.main = f"{self.pod}-{self.spec['containers'][0]['name']}"
        self.migrated = self.started = None

    def run(self, container, *how):
        image = images[re.sub(r":[^/:]*$", "", container["image"]).rsplit("/", 1)[-1]]
        return podman("run", "--pod", self.pod, "--pull=never", "--label", f"shop-verify={options.id}", *how,
                      *manifests.arguments(self.kind, self.name, container, image, options.work, options.id))

    def start(self):
        podman("pod", "create", "--name", self.pod, "--hostname", f"{self.name}-0", "--network", options.id,
               "--network-alias", self.name, "--label", f"shop-verify={options.id}")
        begun = time.monotonic()
        for container in self.spec.get("initContainers", []):
            self.run(container, "--rm", "--name", f"{self.pod}-{container['name']}")
            self.migrated = time.monotonic() - begun
        begun = time.monotonic()
        container = self.spec["containers"][0]
        if self.kind == "Job":
            self.run(container, "--rm", "--name", self.main)
        else:
            self.run(container, "-d", "--name", self.main)
            self.ip = podman("inspect", "--format", f'{{{{(index .NetworkSettings.Networks "{options.id}").IPAddress}}}}',
                             podman("pod", "inspect", "--format", "{{.InfraContainerID}}", self.pod))
            self.wait(container, begun)
            gauge.watch(self.name, self.pid())
        self.started = time.monotonic() - begun
        return self

    def wait(self, container, begun):
        """For readiness, as often and as long as the startup probe allows."""
        probe, patience = container["readinessProbe"], container["startupProbe"]
        give_up = begun + patience.get("periodSeconds", 10) * patience["failureThreshold"]
        while not self.answers(probe, container):
            if time.monotonic() > give_up or podman("inspect", "--format", "{{.State.Running}}", self.main) != "true":
                raise SystemExit(f"{self.pod} is not ready: {podman('logs', '--tail', '30', self.main)}")
            time.sleep(0.1)
        for probe in ("startupProbe", "livenessProbe"):
            if probe in container and not self.answers(container[probe], container):
                raise SystemExit(f"{self.pod} is ready, but its {probe} does not answer.")

    def answers(self, probe, container):
        if "exec" in probe:
            return subprocess.run(["podman", "exec", self.main, *probe["exec"]["command"]], capture_output=True, check=False).returncode == 0
        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        try:
            if "tcpSocket" in probe:
                socket.create_connection((self.ip, ports[probe["tcpSocket"]["port"]]), 2).close()
            else:
                urllib.request.urlopen(f"http://{self.ip}:{ports[probe['httpGet']['port']]}{probe['httpGet']['path']}", timeout=5).close()
            return True
        except (OSError, urllib.error.URLError):
            return False

    def pid(self):
        pid, code, out_of_memory = podman(
            "inspect", "--format", "{{.State.Pid}} {{.State.ExitCode}} {{.State.OOMKilled}}", self.main).split()
        if pid == "0":
            why = ", killed for lack of memory" if out_of_memory == "true" or code == "137" else ""
            raise SystemExit(f"{self.pod} was ready, and then ended with {code}{why}: {podman('logs', '--tail', '10', self.main)}")
        return pid

    def status(self):
        """Of the container's first process, as the kernel has it."""
        pid = self.pid()
        with open(f"/proc/{pid}/status", encoding="utf-8") as file:
            status = dict(line.rstrip().split(":\t", 1) for line in file if ":\t" in line)
        with open(f"/proc/{pid}/mountinfo", encoding="utf-8") as file:
            root = next(line.split() for line in file if line.split()[4] == "/")
        status["root"] = root[5].split(",")[0]
        return status

    def check_restricted(self):
        status = self.status()
        for what, is_so in {
            "runs as the user that the manifest names": status["Uid"].split()[0] == str(self.spec["securityContext"]["runAsUser"]),
            "has no capability": all(int(status[of], 16) == 0 for of in ("CapPrm", "CapEff", "CapBnd")),
            "gains no privilege": status["NoNewPrivs"] == "1",
            "is filtered by seccomp": status["Seccomp"] == "2",
            "has a read-only root": status["root"] == "ro",
            "has its memory limit": measure.memory_limit(self.pid()) == self.memory("limits"),
        }.items():
            if not is_so:
                raise SystemExit(f"{self.pod}: it is not so that it {what}.")

    def memory(self, which):
        return size(self.spec["containers"][0]["resources"][which]["memory"])

    def check_memory(self):
        if killed := measure.out_of_memory(self.pid()):
            raise SystemExit(f"{self.pod}: {killed} processes were killed for lack of memory.")

    def stop(self):
        """As the kubelet does: preStop, SIGTERM, and SIGKILL when the grace is over. How long the process took, and its exit code."""
        container = self.spec["containers"][0]
        pause = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
        time.sleep(pause)
        self.check_memory()
        begun = time.monotonic()
        podman("stop", "-t", str(max(0, self.spec.get("terminationGracePeriodSeconds", 30) - pause)), self.main)
        took = time.monotonic() - begun
        code = int(podman("inspect", "--format", "{{.State.ExitCode}}", self.main))
        podman("pod", "rm", "-f", self.pod)
        return took, code


def point(service, *pods):
    file = os.path.join(options.work, "endpoints", service)
    with open(file + ".new", "w", encoding="utf-8") as text:
        text.write(" ".join(f"{pod.ip}:8080" for pod in pods))
    os.replace(file + ".new", file)


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def start(*command, **how):
    """As a group of its own, which the end of this program ends."""
    child = subprocess.Popen(command, start_new_session=True, **how)
    children.append(child)
    return child


def demo(orders, *more):
    return start(options.shop, "demo", "--orders", str(orders), "--rate", options.rate, "--timeout", "900", *more,
                 env={**os.environ, "SHOP_HOME": options.work, "NO_COLOR": "1"})


def query(postgres, database, sql):
    return podman("exec", postgres.main, "psql", "-h", "/var/run/postgresql", "-U", "postgres", "-d", database, "-Atc", sql)


def more_orders_come(load):
    """Waits until customers have placed some more."""
    enough, give_up = orders_placed() + 10, time.monotonic() + 900
    while orders_placed() < enough:
        if load.poll() is not None or time.monotonic() > give_up:
            raise SystemExit("Nobody places orders any more.")
        time.sleep(0.2)


def check_at_rest(postgres):
    give_up = time.monotonic() + 60
    for service in SERVICES:
        while (waiting := query(postgres, service, "SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM outbox_parked)")) != "0":
            if time.monotonic() > give_up:
                raise SystemExit(f"{waiting} events wait in the outbox of {service}.")
            time.sleep(0.5)
    listed = json.loads(podman("exec", "-e", "HOME=/var/lib/rabbitmq", pods["rabbitmq"].main, "/usr/lib/rabbitmq/bin/rabbitmqctl", "-q",
                               "-n", "rabbit@rabbitmq-0", "list_queues", "-p", "shop", "name", "messages", "--formatter", "json"))
    left = {queue["name"]: queue["messages"] for queue in listed if queue["messages"]}
    if left:
        raise SystemExit(f"Messages are left in queues: {left}")
    others = query(postgres, "postgres", "SELECT DISTINCT usename || ' in ' || datname FROM pg_stat_activity "
                   "WHERE datname IN ('ordering', 'inventory', 'notification', 'analytics') AND usename <> datname")
    if others:
        raise SystemExit(f"Sessions of other logins than the services' own: {others}")
    say(f"At rest: outboxes and all {len(listed)} queues, dead letters among them, are empty; every session is its service's own login.")


def mebibytes(count):
    return f"{count / (1 << 20):.0f}"


def show(title, header, rows):
    print(f"\n{title}\n\n| {' | '.join(header)} |\n|{'---|' * len(header)}")
    for row in rows:
        print(f"| {' | '.join(str(cell) for cell in row)} |")


def show_all(replaced, used, took):
    show("Images, unpacked", ["image", "MiB"], [
        (name, mebibytes(int(podman("image", "inspect", "--format", "{{.Size}}", image)))) for name, image in images.items()])
    show(f"Pods: start, the largest working set of the whole run, and the mean CPU of the first demo from its tenth order on ({took:.0f} s)", [
        "pod", "migration, s", "to ready, s", "memory, MiB", "requested", "limit", "of the limit", "CPU, m", "requested"], [
        (pod.name, f"{pod.migrated:.1f}" if pod.migrated else "", f"{pod.started:.1f}", mebibytes(gauge.largest[pod.name]),
         mebibytes(pod.memory("requests")), mebibytes(pod.memory("limits")), f"{gauge.largest[pod.name] / pod.memory('limits'):.0%}",
         f"{1000 * used[pod.name] / took:.0f}", f"{1000 * cpus(pod.spec['containers'][0]['resources']['requests']['cpu']):.0f}")
        for pod in running])
    show("Replaced under load", ["service", "migration, s", "to ready, s", "old one's end, s", "exit code"], replaced)
    print("\nIn the manifests, and not run here:")
    for what, why in manifests.not_run().items():
        print(f"  {what}: {why}")


def orders_placed():
    return int(query(pods["postgres"], "ordering", "SELECT count(*) FROM orders"))


def start_pods():
    for name in ("postgres", "rabbitmq", "broker-topology", *APPLICATION):
        pods[name] = Pod(name).start()
        migrated = f", after {pods[name].migrated:.1f} s of migration" if pods[name].migrated else ""
        say(f"{name}: {'done' if pods[name].kind == 'Job' else 'ready'} after {pods[name].started:.1f} s{migrated}")
    started = [pods[name] for name in ("postgres", "rabbitmq", *APPLICATION)]
    for pod in started:
        pod.check_restricted()
    say("Every pod is as restricted as its manifest says: user, capabilities, privileges, seccomp, root, memory.")
    return started


class Staff:
    """A person at the console, who signs in once, at whichever replica."""

    def __init__(self):
        self.cookies = {}

    def ask(self, path, form=None):
        console = http.client.HTTPConnection(pods["console"].ip, 8080, timeout=30)
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        if form:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        console.request("POST" if form else "GET", path, form and urllib.parse.urlencode(form), headers)
        answer = console.getresponse()
        self.cookies.update(cookie.split(";")[0].split("=", 1) for cookie in answer.headers.get_all("Set-Cookie", []))
        return answer.status, answer.read().decode()

    def sign_in(self):
        _, page = self.ask("/sign-in")
        token = re.search(r'name="__RequestVerificationToken"[^>]*value="([^"]*)"', page).group(1)
        status, _ = self.ask("/sign-in", {"name": "sam", "to": "/", "__RequestVerificationToken": token})
        if status != 302:
            raise SystemExit(f"The console answers a sign-in with {status}.")

    def check_overview(self):
        status, page = self.ask("/")
        if status != 200:
            raise SystemExit(f"The console answers who is signed in with {status}.")
        if (shown := page.count("Duplicates absorbed")) != len(SERVICES):
            raise SystemExit(f"The console's overview shows {shown} services.")


def replace(name):
    old, new = pods[name], Pod(name, 1).start()
    point(name, new)
    took, code = old.stop()
    pods[name] = new
    say(f"{name}: replaced; the old one ended with {code} after {took:.1f} s")
    if code:
        raise SystemExit(f"{name} did not end in order.")
    return name, f"{new.migrated:.1f}" if new.migrated else "", f"{new.started:.1f}", f"{took:.1f}", code


pods = {}
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
os.makedirs(os.path.join(options.work, "endpoints"), exist_ok=True)
try:
    running = start_pods()
    ports = dict(zip(SERVICES, free_ports(len(SERVICES))))
    for name in SERVICES:
        point(name, pods[name])
    start(sys.executable, os.path.join(os.path.dirname(__file__), "proxy.py"), os.path.join(options.work, "endpoints"),
          *(f"{name}={port}" for name, port in ports.items()))
    at = ("--at", ",".join(f"{name}=http://127.0.0.1:{port}" for name, port in ports.items()))
    time.sleep(1)
    load = demo(int(options.orders), *at)
    more_orders_come(load)
    begun, idle = time.monotonic(), {pod.name: measure.cpu(pod.pid()) for pod in running}
    if code := load.wait():
        raise SystemExit(f"./shop demo ended with {code}.")
    took, used = time.monotonic() - begun, {pod.name: measure.cpu(pod.pid()) - idle[pod.name] for pod in running}
    check_at_rest(pods["postgres"])
    staff = Staff()
    staff.sign_in()
    staff.check_overview()
    say("console: a person signs in, and the overview shows all four services.")

    say("Replacing each pod of the application while customers keep coming ...")
    enough = os.path.join(options.work, "enough")
    load = demo(1, *at, "--until", enough)
    replaced = []
    for name in APPLICATION:
        more_orders_come(load)
        replaced.append(replace(name))
    staff.check_overview()
    say("console: the session of the old pod is one of the new pod.")
    more_orders_come(load)
    open(enough, "w", encoding="utf-8").close()
    if code := load.wait():
        raise SystemExit(f"./shop demo ended with {code}.")
    check_at_rest(pods["postgres"])
    for pod in pods.values():
        if pod.kind != "Job":
            pod.check_memory()
    show_all(replaced, used, took)
finally:
    gauge.stop()
    for child in children:
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGTERM)
    for child in children:
        child.wait()
