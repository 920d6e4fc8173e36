"""Checks what no schema knows: that the parts of a rendered kustomization fit each other."""

import sys

import yaml

NAME = "app.kubernetes.io/name"
POD_NAME = "statefulset.kubernetes.io/pod-name"
SECRETS = {
    "countersign-keys",
    "countersign-peers",
    "countersign-admin",
    "countersign-bootstrap",
}


def main(path):
    with open(path, encoding="utf-8") as file:
        parts = [part for part in yaml.safe_load_all(file) if part]
    named = {(part["kind"], part["metadata"]["name"]): part for part in parts}
    faults = []

    def hold(true, what):
        if not true:
            faults.append(what)

    node = named["StatefulSet", "countersign"]["spec"]
    pod = node["template"]["spec"]
    container = pod["containers"][0]
    labels = node["template"]["metadata"]["labels"]
    ports = {port["name"]: port for port in container["ports"]}
    pods = [f"countersign-{number}" for number in range(node["replicas"])]

    hold(("Service", node["serviceName"]) in named, "serviceName names no service")
    hold(("ServiceAccount", pod["serviceAccountName"]) in named, "no such service account")
    hold(len(pod["containers"]) == 1 and "initContainers" not in pod, "one container, no other")
    hold("/ready" == container["readinessProbe"]["httpGet"]["path"], "readiness is /ready")
    for probe in ("startupProbe", "livenessProbe"):
        hold("/live" == container[probe]["httpGet"]["path"], f"{probe} must not need a quorum")
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        hold(container[probe]["httpGet"]["port"] in ports, f"{probe} asks no port of the pod")

    # Each pod's file is in the ConfigMap, is that of its node, and reaches every member.
    sources = next(v for v in pod["volumes"] if v["name"] == "files")["projected"]["sources"]
    maps = [source["configMap"]["name"] for source in sources if "configMap" in source]
    secrets = {source["secret"]["name"] for source in sources if "secret" in source}
    hold(secrets == SECRETS, f"the README tells how to make {SECRETS}, the pod has {secrets}")
    files = named.get(("ConfigMap", maps[0]), {}).get("data", {})
    hold(set(files) == {f"{name}.toml" for name in pods}, f"files of {set(files)}, pods {pods}")
    for number, name in enumerate(pods, start=1):
        text = files.get(f"{name}.toml", "")
        hold(f"\nid = {number}\n" in text, f"{name} is not node {number}")
        for other, host in enumerate(pods, start=1):
            member = f'"{other}={host}.{node["serviceName"]}:{ports["peers"]["containerPort"]}"'
            hold(member in text, f"{name}.toml has no initial member {member}")

    # Services: their selectors find pods, their ports are ports of the pod.
    services = [part for part in parts if part["kind"] == "Service"]
    for service in services:
        name, spec = service["metadata"]["name"], service["spec"]
        hold(spec["selector"][NAME] == labels[NAME], f"{name} selects no pod")
        for port in spec["ports"]:
            own = ports.get(port["targetPort"], {})
            same = (port["port"], port["protocol"])
            here = (own.get("containerPort"), own.get("protocol"))
            hold(same == here, f"{name}: {same}, the pod has {here}")
    radius = [s["spec"] for s in services if s["spec"].get("type") == "LoadBalancer"]
    chosen = sorted(spec["selector"].get(POD_NAME, "none") for spec in radius)
    hold(chosen == pods, f"RADIUS services for {chosen}, pods {pods}")
    # A patch whose target is misspelt is passed over in silence; what it should have set is
    # then missing in one of two places.
    policy = named["NetworkPolicy", "countersign-radius"]["spec"]["ingress"][0]["from"]
    devices = [peer["ipBlock"]["cidr"] for peer in policy]
    for spec in radius:
        hold(spec.get("externalTrafficPolicy") == "Local", "the source address is lost")
        ranges = spec.get("loadBalancerSourceRanges")
        hold(ranges == devices, f"load balancers take {ranges}, the network policy {devices}")

    # Everything else that selects, selects the pods.
    for (kind, name), part in named.items():
        if kind == "PodDisruptionBudget":
            hold(part["spec"]["selector"]["matchLabels"] == labels, f"{name} selects no pod")
        if kind == "NetworkPolicy":
            hold(part["spec"]["podSelector"]["matchLabels"] == labels, f"{name} selects no pod")

    for fault in faults:
        print(f"references: {fault}", file=sys.stderr)
    if not faults:
        print(f"references: {len(parts)} objects fit each other")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
