"""The Kubernetes manifests: by Kubernetes' own schemas, by each other, and by what tickcast answers."""

import re

import kubernetes_validate
from common import DEPLOY, ROOT, checked, documents, metrics, text
from judge import check, until
from server import Server

# The oldest that has all that is used (preStop's own `sleep`), and the newest that the package of schemas has.
VERSIONS = ("1.30", "1.37")
FILES = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
# These are not resources of the API: kustomize reads one, Helm the other.
NO_RESOURCES = ("kustomization.yaml", "prometheus-adapter.yaml")


def resources():
    found = {}
    for path in FILES:
        if path.name not in NO_RESOURCES:
            for document in documents(path.relative_to(ROOT)):
                found[document["kind"]] = document
    return found


@check("Kubernetes' schemas take every manifest, and know every key")
async def _(report):
    ours = resources()
    assert len(ours) == 6, ours.keys()
    for version in VERSIONS:
        for document in ours.values():
            kubernetes_validate.validate(document, version, strict=True)
    # The check can fail: a key that no schema has, and a value of the wrong type.
    for key, value in (("replica", 2), ("replicas", "two")):
        broken = ours["Deployment"] | {"spec": ours["Deployment"]["spec"] | {key: value}}
        try:
            kubernetes_validate.validate(broken, VERSIONS[-1], strict=True)
        except kubernetes_validate.ValidationError:
            continue
        raise AssertionError(f"{key}: {value} was taken")
    (kustomization,) = documents("deploy/kubernetes/kustomization.yaml")
    assert sorted(kustomization["resources"]) == [path.name for path in FILES if path.name not in NO_RESOURCES]


@check("the manifests fit each other")
async def _(report):
    ours = resources()
    template = ours["Deployment"]["spec"]["template"]
    labels = template["metadata"]["labels"]
    selectors = [
        ours["Deployment"]["spec"]["selector"]["matchLabels"],
        ours["Service"]["spec"]["selector"],
        ours["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
        ours["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"],
        *(each["labelSelector"]["matchLabels"] for each in template["spec"]["topologySpreadConstraints"]),
    ]
    for selector in selectors:
        assert selector and selector.items() <= labels.items(), selector

    (container,) = template["spec"]["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ours["Service"]["spec"]["ports"][0]["targetPort"] in ports
    clients, scrapes = ours["NetworkPolicy"]["spec"]["ingress"]
    assert (clients["ports"][0]["port"], scrapes["ports"][0]["port"]) == ("http", "admin")
    assert template["metadata"]["annotations"]["prometheus.io/port"] == str(ports["admin"])
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert container[probe]["httpGet"]["port"] == "admin", probe

    scaled = ours["HorizontalPodAutoscaler"]["spec"]
    deployment = ours["Deployment"]
    assert scaled["scaleTargetRef"] == {
        "apiVersion": deployment["apiVersion"], "kind": "Deployment", "name": deployment["metadata"]["name"],
    }
    assert "replicas" not in deployment["spec"], "it would undo the autoscaler at each apply"
    assert scaled["minReplicas"] > ours["PodDisruptionBudget"]["spec"]["maxUnavailable"], "one has to stay"
    (volume,) = template["spec"]["volumes"]
    assert volume["configMap"]["name"] == ours["ConfigMap"]["metadata"]["name"]


@check("the pod's times fit the drain, its numbers the image, its version the crate")
async def _(report):
    ours = resources()
    pod = ours["Deployment"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    config = ours["ConfigMap"]["data"]["tickcast.toml"]
    (drain_ms,) = re.findall(r"^drain_ms = (\d+)$", config, re.M)
    (listen,) = re.findall(r'^listen = "(.*)"$', config, re.M)
    (admin,) = re.findall(r'^admin_listen = "(.*)"$', config, re.M)
    waits = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert pod["terminationGracePeriodSeconds"] >= waits + int(drain_ms) / 1000 + 2
    # Readiness has to be seen as lost before the drain begins, where a proxy goes by it.
    assert [listen, admin] == [f"0.0.0.0:{port['containerPort']}" for port in container["ports"]]
    dockerfile = text("deploy/docker/Dockerfile")
    user = f"{pod['securityContext']['runAsUser']}:{pod['securityContext']['runAsGroup']}"
    assert re.search(rf"^USER {user}$", dockerfile, re.M), user
    security = container["securityContext"]
    assert pod["securityContext"]["runAsNonRoot"] and security["readOnlyRootFilesystem"]
    assert security["allowPrivilegeEscalation"] is False and security["capabilities"] == {"drop": ["ALL"]}
    (version,) = re.findall(r'^version = "(.*)"$', text("Cargo.toml"), re.M)
    assert container["image"].endswith(f":{version}"), container["image"]
    (compose,) = documents("deploy/docker/compose.yaml")
    assert int(compose["services"]["tickcast"]["stop_grace_period"].rstrip("s")) * 1000 >= int(checked()["limits.drain_ms"]) + 2000


@check("the autoscaler's metric is tickcast's, through the adapter's rule")
async def _(report):
    (rules,) = documents("deploy/kubernetes/prometheus-adapter.yaml")
    (rule,) = rules["rules"]["custom"]
    series = rule["seriesQuery"].split("{")[0]
    assert series in metrics() and re.fullmatch(rule["name"]["matches"], series)
    (metric,) = resources()["HorizontalPodAutoscaler"]["spec"]["metrics"]
    assert metric["pods"]["metric"]["name"] == rule["name"]["as"]
    limit = int(re.findall(r"^ *sessions = (\d+)$", resources()["ConfigMap"]["data"]["tickcast.toml"], re.M)[0])
    assert int(metric["pods"]["target"]["averageValue"]) < limit, "a pod would be full before there is another"


@check("the probes' paths answer, and readiness is lost without a feed")
async def _(report):
    (container,) = resources()["Deployment"]["spec"]["template"]["spec"]["containers"]
    paths = {probe: container[probe]["httpGet"]["path"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")}
    # Standard input: a feed from which ticks are expected. `push` alone is ready without any.
    async with Server("--feed", "-") as server:
        # A kubelet names the pod's address in Host.
        host = {"Host": "10.0.0.7:8080"}
        for probe in ("startupProbe", "livenessProbe"):
            status, _, _ = await server.request("GET", paths[probe], headers=host)
            assert status == 200, (probe, status)
        status, _, _ = await server.request("GET", paths["readinessProbe"], headers=host)
        assert status == 503, status
        server.process.stdin.write(b'{"symbol":"ACME","bid":"1"}\n')
        server.process.stdin.flush()

        async def ready():
            status, _, _ = await server.request("GET", paths["readinessProbe"], headers=host)
            return status == 200

        await until("the first tick to make it ready", ready)
