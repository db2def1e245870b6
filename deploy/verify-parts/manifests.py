"""Reads rendered manifests, and says as arguments of podman what a pod of theirs is."""
import base64
import os

import yaml

# What podman's pods have nothing for, or what run.py does in its place. Reported, so that nobody takes it for run.
NOT_RUN = {
    "NetworkPolicy": "podman's bridge has none: every pod reaches every pod",
    "PodDisruptionBudget": "nobody evicts",
    "HorizontalPodAutoscaler": "nobody scales",
    "topologySpreadConstraints": "one machine",
    "fsGroup": "volumes belong to the container's user",
    "livenessProbe": "nobody restarts; asked once, when the pod is ready",
    "requests": "limits are set, requests are not",
}


class Manifests:
    def __init__(self, *files):
        self.objects = {}
        for file in files:
            with open(file, encoding="utf-8") as text:
                for thing in yaml.safe_load_all(text):
                    if thing:
                        self.objects[thing["kind"], thing["metadata"]["name"]] = thing

    def kinds(self):
        return {kind for kind, _ in self.objects}

    def spec(self, kind, name):
        """The pod of a Deployment, a StatefulSet or a Job."""
        return self.objects[kind, name]["spec"]["template"]["spec"]

    def data(self, kind, name):
        thing = self.objects[kind, name]
        decoded = {key: base64.b64decode(value) for key, value in (thing.get("data") or {}).items()} if kind == "Secret" \
            else {key: value.encode() for key, value in (thing.get("data") or {}).items()}
        decoded.update({key: value.encode() for key, value in (thing.get("stringData") or {}).items()})
        return decoded

    def environment(self, container):
        values = {}
        for source in container.get("envFrom", []):
            for kind, key in (("ConfigMap", "configMapRef"), ("Secret", "secretRef")):
                if key in source:
                    values.update({k: v.decode() for k, v in self.data(kind, source[key]["name"]).items()})
        for entry in container.get("env", []):
            if "value" in entry:
                values[entry["name"]] = str(entry["value"])
            else:
                secret = entry["valueFrom"]["secretKeyRef"]
                values[entry["name"]] = self.data("Secret", secret["name"])[secret["key"]].decode()
        # A Service leads from its port to the container's: here pods are asked themselves.
        return {key: f"{value}:8080" if key.startswith("services__") else value for key, value in values.items()}

    def arguments(self, kind, name, container, image, work, volume_prefix):
        """For podman run: all that the manifest says of the container and of its pod's security."""
        pod = self.spec(kind, name)
        of_pod, own = pod.get("securityContext", {}), container.get("securityContext", {})
        args = []
        if own["readOnlyRootFilesystem"]:
            args += ["--read-only", "--read-only-tmpfs=false"]
        if not own["allowPrivilegeEscalation"]:
            args += ["--security-opt=no-new-privileges"]
        args += [f"--cap-drop={capability}" for capability in own["capabilities"]["drop"]]
        args += [f"--user={of_pod['runAsUser']}:{of_pod['runAsGroup']}"]
        limits = container["resources"]["limits"]
        args += [f"--memory={size(limits['memory'])}", f"--memory-swap={size(limits['memory'])}", f"--cpus={cpus(limits['cpu'])}"]
        environment = os.path.join(work, f"{name}-{container['name']}.env")
        with open(os.open(environment, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.writelines(f"{key}={value}\n" for key, value in self.environment(container).items())
        args += [f"--env-file={environment}"]
        for mount in container.get("volumeMounts", []):
            args += self.mount(kind, name, mount, work, volume_prefix)
        command = container.get("command", [])
        if command:
            args += [f"--entrypoint={command[0]}"]
        return args + [image] + command[1:] + [str(arg) for arg in container.get("args", [])]

    def mount(self, kind, name, mount, work, volume_prefix):
        path = mount["mountPath"]
        claims = [claim["metadata"]["name"] for claim in self.objects[kind, name]["spec"].get("volumeClaimTemplates", [])]
        if mount["name"] in claims:
            return [f"--volume={volume_prefix}-{name}-{mount['name']}:{path}:U"]
        volume = next(volume for volume in self.spec(kind, name)["volumes"] if volume["name"] == mount["name"])
        if "emptyDir" in volume:
            return [f"--tmpfs={path}:rw,nosuid,nodev,notmpcopyup,mode=1777,size={size((volume['emptyDir'] or {}).get('sizeLimit', '64Mi'))}"]
        source = ("ConfigMap", volume["configMap"]["name"]) if "configMap" in volume else ("Secret", volume["secret"]["secretName"])
        directory = os.path.join(work, "files", *source)
        os.makedirs(directory, exist_ok=True)
        for key, value in self.data(*source).items():
            with open(os.path.join(directory, key), "wb") as file:
                file.write(value)
            os.chmod(os.path.join(directory, key), 0o444)
        return [f"--volume={os.path.join(directory, mount.get('subPath', ''))}:{path}:ro"]

    def not_run(self):
        text = yaml.safe_dump_all(list(self.objects.values()))
        return {what: why for what, why in NOT_RUN.items() if what in self.kinds() or f"{what}:" in text}


def size(quantity):
    """In bytes."""
    for unit, power in (("Ki", 10), ("Mi", 20), ("Gi", 30)):
        if str(quantity).endswith(unit):
            return int(quantity[:-2]) << power
    return int(quantity)


def cpus(quantity):
    return int(quantity[:-1]) / 1000 if str(quantity).endswith("m") else float(quantity)
