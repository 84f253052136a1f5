"""What a compose file means: the questions that its schema does not ask.

    compose_check.problems(yaml.safe_load(Path("compose.yml").read_text()))

Everything here can be told from the file alone. What only a running system knows (a wrong password, a port on which nobody
listens) it cannot tell.
"""

import re

HEALTHY = "service_healthy"
HERE = ("127.0.0.1", "[::1]", "localhost")


def problems(compose, *, healthy=()):
    """Follow the names in a compose file, and look for what is left open to chance or to the world.

    Parameters
    ----------
    compose : dict
        As YAML reads it.
    healthy : iterable of str
        Services whose image brings a health check of its own, which the file does not show.

    Returns
    -------
    list of str
        A sentence each, beginning with the service's name; empty if nothing was found, and for a file without services.
    """
    services = compose.get("services") or {}
    told = []
    for name, service in services.items():
        found = [
            *_names(service, compose),
            *_waits(service, services, healthy),
            *_image(service),
            *_ports(service),
            *_secrets(service),
            *_addresses(name, service, services),
        ]
        told += [f"{name}: {each}" for each in found]
    return told


def reaches(compose, name):
    """Tell which other services one of them can speak with: all that share a network with it, whatever it needs of them.

    Parameters
    ----------
    compose : dict
        As YAML reads it.
    name : str
        Of a service.

    Returns
    -------
    list of str
        Sorted. Whoever breaks into the service reaches these.

    Raises
    ------
    ValueError
        There is no such service.
    """
    services = compose.get("services") or {}
    if name not in services:
        raise ValueError(f"There is no service {name!r}; in the file are: {', '.join(services) or 'none'}.")
    return sorted(other for other in services if other != name and _meet(services[name], services[other]))


def _names(service, compose):
    """Volumes, networks and secrets that nobody has declared."""
    declared = {kind: set(compose.get(kind) or {}) for kind in ("volumes", "networks", "secrets")}
    named = [str(_source(each)) for each in service.get("volumes") or [] if not _is_path(_source(each))]
    used = {
        "volumes": named,
        "networks": [each for each in service.get("networks") or [] if each != "default"],
        "secrets": [each if isinstance(each, str) else each.get("source") for each in service.get("secrets") or []],
    }
    return [f"{each} is not among the {kind}." for kind, names in used.items() for each in names if each not in declared[kind]]


def _source(volume):
    if isinstance(volume, dict):
        return volume.get("source") or "." if volume.get("type") == "volume" else "."
    return volume.split(":")[0]


def _is_path(source):
    return source.startswith((".", "/", "~", "$"))


def _waits(service, services, healthy):
    wanted = service.get("depends_on") or {}
    conditions = dict.fromkeys(wanted, {}) if isinstance(wanted, list) else wanted
    for other, how in conditions.items():
        if other not in services:
            yield f"it depends on {other}, which is no service."
        elif (how or {}).get("condition") != HEALTHY:
            yield f"it waits until {other} is started, not until it is healthy."
        elif "healthcheck" not in services[other] and other not in healthy:
            yield f"it waits until {other} is healthy, and {other} has no healthcheck."


def _image(service):
    image = service.get("image", "")
    if "build" in service or "@sha256:" in image:
        return []
    tag = image.rpartition("/")[2].partition(":")[2]
    return [f"{image or 'no image'} may be another one tomorrow: name a version."] if tag in ("", "latest") else []


def _ports(service):
    for port in service.get("ports") or []:
        host = port.get("host_ip", "") if isinstance(port, dict) else str(port).rpartition(":")[0].rpartition(":")[0]
        if host not in HERE:
            yield f"its port {port} is open to everybody who reaches this machine."


def _environment(service):
    given = service.get("environment") or {}
    pairs = [each.partition("=")[::2] for each in given] if isinstance(given, list) else given.items()
    return {str(name): str(value) for name, value in pairs if value not in (None, "")}


def _secrets(service):
    for name, value in _environment(service).items():
        if re.search(r"PASSWORD|TOKEN|SECRET", name) and not name.endswith("_FILE") and not value.startswith("$"):
            yield f"{name} stands in the file for all to read: use a secret."


def _addresses(name, service, services):
    """An address in the settings that leads to nobody, or to itself."""
    command = service.get("command") or []
    words = [*_environment(service).values(), *(command if isinstance(command, list) else [command])]
    for word in map(str, words):
        for host in re.findall(r"\bhttps?://([\w.-]+)", word):
            if host in ("localhost", "127.0.0.1"):
                yield f"in {word}, {host} is its own container: name a service."
            elif "." not in host and host not in services:
                yield f"in {word}, {host} is no service."
            elif host in services and not _meet(service, services[host]):
                yield f"it asks {host}, but they have no network in common."


def _meet(one, other):
    return bool(set(one.get("networks") or ["default"]) & set(other.get("networks") or ["default"]))
