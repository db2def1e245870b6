#!/usr/bin/env python3
"""Makes this folder's files from clones of the projects that publish the schemas: extract.py DIRECTORY-OF-CLONES.

Only the kinds that the manifests use, and of them only the structure: descriptions, examples, defaults and rules in CEL are left
out. Needs git and PyYAML; nothing that is built or tested runs it.
"""
import json
import pathlib
import subprocess
import sys

import yaml

KUBERNETES = "1.34"
CORE = {
    "api/v1": ["ConfigMap", "Namespace", "Secret", "Service", "ServiceAccount"],
    "apis/apps/v1": ["Deployment", "StatefulSet"],
    "apis/autoscaling/v2": ["HorizontalPodAutoscaler"],
    "apis/batch/v1": ["Job"],
    "apis/networking.k8s.io/v1": ["Ingress", "NetworkPolicy"],
    "apis/policy/v1": ["PodDisruptionBudget"],
    "apis/scheduling.k8s.io/v1": ["PriorityClass"],
}
CUSTOM = {
    "cert-manager": ("cert-manager", ["deploy/crds/cert-manager.io_certificates.yaml", "deploy/crds/cert-manager.io_issuers.yaml"]),
    "cloudnative-pg": ("cloudnative-pg", ["config/crd/bases/postgresql.cnpg.io_clusters.yaml",
                                          "config/crd/bases/postgresql.cnpg.io_scheduledbackups.yaml"]),
    "external-secrets": ("external-secrets", ["config/crds/bases/external-secrets.io_externalsecrets.yaml"]),
    "keda": ("keda", ["config/crd/bases/keda.sh_scaledobjects.yaml", "config/crd/bases/keda.sh_triggerauthentications.yaml"]),
    "prometheus-operator": ("prometheus-operator", ["example/prometheus-operator-crd/monitoring.coreos.com_podmonitors.yaml",
                                                    "example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml"]),
    "plugin-barman-cloud": ("plugin-barman-cloud", ["config/crd/bases/barmancloud.cnpg.io_objectstores.yaml"]),
    "rabbitmq-cluster-operator": ("cluster-operator", ["config/crd/bases/rabbitmq.com_rabbitmqclusters.yaml"]),
}
KEPT = {"$ref", "additionalProperties", "allOf", "anyOf", "enum", "format", "items", "maxItems", "maxLength", "maximum", "minItems",
        "minLength", "minimum", "oneOf", "pattern", "properties", "required", "type", "x-kubernetes-int-or-string",
        "x-kubernetes-preserve-unknown-fields"}


def structure(schema):
    if not isinstance(schema, dict):
        return schema
    kept = {}
    for key, value in schema.items():
        if key == "properties":
            kept[key] = {name: structure(member) for name, member in value.items()}
        elif key in ("allOf", "anyOf", "oneOf"):
            kept[key] = [structure(member) for member in value]
        elif key in ("items", "additionalProperties"):
            kept[key] = structure(value)
        elif key == "$ref":
            kept[key] = value.rsplit("/", 1)[1]
        elif key in KEPT:
            kept[key] = value
    if len(kept.get("allOf", [])) == 1 and set(kept) <= {"allOf", "default"}:  # how OpenAPI v3 writes a reference with a default
        return kept["allOf"][0]
    return kept


def references(schema):
    if isinstance(schema, dict):
        if isinstance(schema.get("$ref"), str):
            yield schema["$ref"]
        for value in schema.values():
            yield from references(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from references(value)


def show(clone, path):
    return subprocess.run(["git", "-C", clone, "show", f"HEAD:{path}"], check=True, capture_output=True, text=True).stdout


def revision(clone):
    return subprocess.run(["git", "-C", clone, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()


def core(clone):
    kinds, definitions = {}, {}
    for path, wanted in CORE.items():
        published = json.loads(show(clone, f"pkg/openapiclient/builtins/{KUBERNETES}/{path}.json"))["components"]["schemas"]
        roots = {}
        for name, schema in published.items():
            for gvk in schema.get("x-kubernetes-group-version-kind", []):
                version = "/".join(filter(None, [gvk["group"], gvk["version"]]))
                if gvk["kind"] in wanted and path.endswith(version):
                    roots[f"{version}/{gvk['kind']}"] = name
        assert len(roots) == len(wanted), (path, roots)
        kinds.update(roots)
        queue = list(roots.values())
        while queue:
            name = queue.pop()
            if name not in definitions:
                definitions[name] = structure(published[name])
                queue.extend(references(definitions[name]))
    return {"source": f"kubernetes-sigs/kubectl-validate {revision(clone)}, Kubernetes {KUBERNETES}", "kinds": kinds,
            "definitions": definitions}


def custom(clone, paths):
    kinds, definitions = {}, {}
    for path in paths:
        definition = yaml.safe_load(show(clone, path))["spec"]
        kind = definition["names"]["kind"]
        for version in definition["versions"]:
            if version["served"]:
                name = f"{definition['group']}/{version['name']}/{kind}"
                schema = structure(version["schema"]["openAPIV3Schema"])
                members = schema["properties"].get("spec", {}).get("properties", {})
                for pods in ("solvers", "sidecarContainer"):
                    members.pop(pods, None)
                if "override" in members:  # embeds whole objects, of which anything goes
                    members["override"] = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
                kinds[name], definitions[name] = name, schema
    return {"source": f"{revision(clone)}: {', '.join(paths)}", "kinds": kinds, "definitions": definitions}


def main():
    clones, here = pathlib.Path(sys.argv[1]), pathlib.Path(__file__).parent
    files = {"kubernetes": core(clones / "kubectl-validate")}
    files.update({name: custom(clones / clone, paths) for name, (clone, paths) in CUSTOM.items()})
    for name, content in files.items():
        (here / f"{name}.json").write_text(json.dumps(content, indent=None, separators=(",", ":"), sort_keys=True) + "\n")


main()
