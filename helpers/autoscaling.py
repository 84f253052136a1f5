"""The arithmetic of Kubernetes' HorizontalPodAutoscaler, outside of a cluster: the formula, and what tames it.

Sources: "Horizontal Pod Autoscaling" in the Kubernetes documentation (algorithm details, configurable scaling behavior), and
`pkg/controller/podautoscaler` in its code for what that leaves open.
"""

import collections
import dataclasses
import math

from helpers.manifests import quantity

SYNC = 15.0  # seconds between two looks of the controller, as Kubernetes has it by default


class AutoscalingError(ValueError):
    """A manifest or a number does not fit; the message is one line: what came, what was expected."""


@dataclasses.dataclass(frozen=True)
class Policy:
    """How fast the number of pods may change: at most `value` in any `seconds`.

    Attributes
    ----------
    kind : str
        "Pods", or "Percent" of the pods that there were at the beginning of these seconds.
    value : int
        Above 0.
    seconds : int
        1 to 1,800.
    """

    kind: str
    value: int
    seconds: int


@dataclasses.dataclass(frozen=True)
class Rules:
    """What tames the autoscaler in one direction.

    Attributes
    ----------
    window : float
        Seconds of its own former answers that it looks back on: upwards the smallest of them counts, downwards the largest.
    policies : tuple of Policy
    select : str
        "Max": the policy that allows most; "Min": the one that allows least; "Disabled": no change in this direction.
    tolerance : float
        A ratio of value to target so near to 1 changes nothing.
    """

    window: float
    policies: tuple
    select: str = "Max"
    tolerance: float = 0.1


UP = Rules(0, (Policy("Percent", 100, 15), Policy("Pods", 4, 15)))  # Kubernetes' defaults
DOWN = Rules(300, (Policy("Percent", 100, 15),))


@dataclasses.dataclass(frozen=True)
class Settings:
    """What a HorizontalPodAutoscaler says.

    Attributes
    ----------
    minimum, maximum : int
        Pods.
    targets : dict of str to float
        By metric: what a pod should have on average. Utilization is a share of what is requested, such as 0.8.
    up, down : Rules
        Kubernetes' defaults where nothing is said.
    """

    minimum: int
    maximum: int
    targets: dict
    up: Rules = UP
    down: Rules = DOWN

    def __post_init__(self):
        if not 1 <= self.minimum <= self.maximum:
            raise AutoscalingError(f"minimum is {self.minimum!r}, maximum {self.maximum!r}; expected 1 <= minimum <= maximum.")
        if not self.targets or not all(target > 0 for target in self.targets.values()):
            raise AutoscalingError(f"targets is {self.targets!r}; expected at least one, each above 0.")


def from_manifest(document):
    """Read the settings out of a manifest.

    Parameters
    ----------
    document : dict
        A HorizontalPodAutoscaler of autoscaling/v2, with metrics of the types Pods and Resource.

    Returns
    -------
    Settings

    Raises
    ------
    AutoscalingError
        It is something else, or has metrics of another type.
    """
    if (document.get("apiVersion"), document.get("kind")) != ("autoscaling/v2", "HorizontalPodAutoscaler"):
        raise AutoscalingError(
            f"{document.get('apiVersion')} {document.get('kind')} came; expected an autoscaler of autoscaling/v2."
        )
    spec, targets = document["spec"], {}
    for metric in spec.get("metrics") or []:
        if metric["type"] == "Pods":
            targets[metric["pods"]["metric"]["name"]] = quantity(metric["pods"]["target"]["averageValue"])
        elif metric["type"] == "Resource" and "averageUtilization" in metric["resource"]["target"]:
            targets[metric["resource"]["name"]] = metric["resource"]["target"]["averageUtilization"] / 100
        else:
            raise AutoscalingError(f"A metric of type {metric['type']} came; expected Pods, or Resource with averageUtilization.")
    behavior = spec.get("behavior") or {}
    up, down = _rules(behavior.get("scaleUp") or {}, UP), _rules(behavior.get("scaleDown") or {}, DOWN)
    return Settings(spec.get("minReplicas", 1), spec["maxReplicas"], targets, up, down)


def _rules(said, usual):
    policies = tuple(Policy(each["type"], each["value"], each["periodSeconds"]) for each in said.get("policies") or [])
    window, select = said.get("stabilizationWindowSeconds", usual.window), said.get("selectPolicy", usual.select)
    return Rules(window, policies or usual.policies, select, quantity(said.get("tolerance", usual.tolerance)))


def desired_replicas(values, target, *, unready=0, tolerance_up=0.1, tolerance_down=0.1):
    """How many pods one metric asks for: ceil(pods x mean / target), and none of the traps around it.

    Parameters
    ----------
    values : sequence of float or None
        Of each pod that is up; None where its metric is missing.
    target : float
        What a pod should have on average; above 0.
    unready : int, default 0
        Pods that are not up yet. Upwards they count as using nothing, so that what is on its way is not ordered twice.
    tolerance_up : float, default 0.1
        A ratio within 1 - tolerance_down to 1 + tolerance_up changes nothing.
    tolerance_down : float, default 0.1

    Returns
    -------
    int or None
        None where no pod has a value: nothing can be said. Missing ones count as at the target on the way down and as 0 on
        the way up; where that would turn the direction, all stays as it is.

    Raises
    ------
    AutoscalingError
        The target is not above 0.
    """
    if not target > 0:
        raise AutoscalingError(f"target is {target!r}; expected a number above 0.")
    known = [value for value in values if value is not None]
    missing, current = len(values) - len(known), len(values) + unready
    if not known:
        return None

    def within(ratio):
        return 1 - tolerance_down <= ratio <= 1 + tolerance_up

    ratio = sum(known) / len(known) / target
    added = unready if ratio > 1 else 0
    if not missing and not added:
        return current if within(ratio) else math.ceil(ratio * len(known))
    pods = len(known) + missing + added
    again = (sum(known) + (missing * target if ratio < 1 else 0)) / pods / target
    wanted = math.ceil(again * pods)
    turned = (ratio - 1) * (again - 1) < 0 or (again < 1 and wanted > current) or (again > 1 and wanted < current)
    return current if within(again) or turned else wanted


def largest(current, proposals):
    """Choose between what several metrics ask for.

    Parameters
    ----------
    current : int
        Pods that there are.
    proposals : sequence of int or None
        As from `desired_replicas`.

    Returns
    -------
    int or None
        The largest. None, nothing is to be done, if none is known, or if one is unknown and the others ask for fewer pods.
    """
    known = [proposal for proposal in proposals if proposal is not None]
    if not known or (len(known) < len(proposals) and max(known) < current):
        return None
    return max(known)


class Autoscaler:
    """The controller's memory: from what the metrics ask for to what is done.

    Parameters
    ----------
    settings : Settings
    """

    def __init__(self, settings):
        self.settings = settings
        self._asked = collections.deque()  # (time, number asked for)
        self._added, self._removed = collections.deque(), collections.deque()  # (time, pods)

    def step(self, now, current, proposal):
        """Look once.

        Parameters
        ----------
        now : float
            Seconds; never less than before.
        current : int
            Pods that there are, starting ones included.
        proposal : int or None
            As from `largest`.

        Returns
        -------
        int
            Pods that there should be. It is `current` where the proposal is None; 0 stays 0, for that is "switched off".
        """
        settings = self.settings
        if current == 0:
            return 0
        if not settings.minimum <= current <= settings.maximum:
            return min(max(current, settings.minimum), settings.maximum)
        if proposal is None:
            return current
        if not self._asked:
            self._asked.append((now, current))
        wanted = self._rated(now, current, self._stable(now, current, proposal))
        if wanted != current:
            (self._added if wanted > current else self._removed).append((now, abs(wanted - current)))
        return wanted

    def _stable(self, now, current, proposal):
        """The safest of the answers in each window."""
        up, down = self.settings.up.window, self.settings.down.window
        while self._asked and self._asked[0][0] <= now - max(up, down):
            self._asked.popleft()
        lowest = min([proposal, *(asked for when, asked in self._asked if when > now - up)])
        highest = max([proposal, *(asked for when, asked in self._asked if when > now - down)])
        self._asked.append((now, proposal))
        return min(max(current, lowest), highest)

    def _rated(self, now, current, wanted):
        """No faster than the policies allow, within minimum and maximum."""
        if wanted > current:
            allowed = self._limit(now, current, self.settings.up, 1)
            return min(wanted, max(allowed, current), self.settings.maximum)
        allowed = self._limit(now, current, self.settings.down, -1)
        return max(wanted, min(allowed, current), self.settings.minimum)

    def _limit(self, now, current, rules, sign):
        if rules.select == "Disabled":
            return current
        limits = []
        for policy in rules.policies:
            since = now - policy.seconds
            before = current - _sum_since(self._added, since) + _sum_since(self._removed, since)
            share = before * (1 + sign * policy.value / 100)
            limits.append(before + sign * policy.value if policy.kind == "Pods" else math.ceil(share) if sign > 0 else int(share))
        return max(limits) if (sign > 0) == (rules.select == "Max") else min(limits)


def _sum_since(events, since):
    return sum(pods for when, pods in events if when > since)
