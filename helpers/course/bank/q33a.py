"""The questions of 33a, the clouds: what a month costs, one contract spoken as another, and what is still on the meter."""

import copy
import functools
import math
import os
from fractions import Fraction
from unittest import mock

from helpers.course.evidence import describe, learners_line
from helpers.course.verdict import Question, not_yet, passed

FOREIGN = "The evidence is not as this check gives it: run the check again."


def _rows(value, length, row):
    """Whether a value is a list of so many rows (None: however many), each of which fits."""
    return isinstance(value, list) and len(value) == (len(value) if length is None else length) and all(map(row, value))


def _texts(length):
    return lambda row: _rows(row, length, lambda each: isinstance(each, str))


# --- 33a.1: what a month costs ------------------------------------------------------------------------------------------


def offers(rng):
    """Offers with forecasts a day; never so that the machines needed are a whole number, which floats might miss."""
    cases = []
    for minimum, needed in ((2, 5.3), (0, 1.4), (1, 8.7), (3, 0.6), (0, 0), (2, 0)):
        peak, per_second = int(rng.integers(2, 9)), int(rng.integers(50, 900))
        usd = round(float(rng.uniform(0.05, 0.9)), 4)
        offer = {"kind": "machines", "usd_hour": usd, "per_second": per_second, "minimum": minimum, "peak": peak}
        cases.append((offer, int(needed * per_second * 86_400 / peak)))
    for per_day, free in (
        (int(rng.integers(200_000, 9_000_000)), 100_000),
        (int(rng.integers(5_000, 90_000)), 0),
        (300, 150_000),
    ):
        cases.append(({"kind": "serverless", "usd_request": round(float(rng.uniform(1e-7, 9e-6)), 9), "free": free}, per_day))
    return cases + [({"kind": "serverless", "usd_request": 2e-7, "free": 1000}, 0)]


UNKNOWN = ("spot", "reserved")


def probe_month(answer, rng):
    found = [_number(answer(dict(offer), per_day)) for offer, per_day in offers(rng)]
    return {"usd": found, "unknown": [_refusal(answer, {"kind": kind, "usd_hour": 0.1}) for kind in UNKNOWN]}


def _number(value):
    if value is ...:
        return value
    try:
        return f"{value!r:.40}" if isinstance(value, (str, bytes, bool)) else float(value)
    except (TypeError, ValueError, OverflowError):
        return "None" if value is None else f"a {type(value).__name__}"


def _refusal(answer, offer):
    try:
        return ["gave", str(_number(answer(offer, 1000)))]
    except NotImplementedError:
        raise
    except Exception as error:
        return [type(error).__name__, str(error)[:200]]


def month(
    offer, per_day, *, days=Fraction(730, 24), hours=730, rounding=math.ceil, peaks=True, minimum=True, free=1, cents=False
):
    """The oracle, in exact fractions. Each keyword is a twist behind a misconception."""
    if offer["kind"] == "machines":
        peak = offer["peak"] if peaks else 1
        needed = rounding(Fraction(per_day * peak, 86_400 * offer["per_second"]))
        needed = max(needed, offer["minimum"]) if minimum else needed
        usd = hours * needed * Fraction(offer["usd_hour"])
    else:
        paid = days * per_day - offer["free"] * free
        usd = (paid if free < 0 else max(0, paid)) * Fraction(offer["usd_request"])
    return round(float(usd), 2) if cents else float(usd)


def unclipped(offer, per_day):
    """The twist behind money that comes back: fewer requests than are free."""
    if offer["kind"] == "machines":
        return month(offer, per_day)
    return float((Fraction(730, 24) * per_day - offer["free"]) * Fraction(offer["usd_request"]))


MONTH_MISCONCEPTIONS = {
    "a month of 30 days": (
        functools.partial(month, days=30, hours=720),
        "Your month has 30 days. A month on a bill has 730 hours, so 730 / 24 days: both kinds need that.",
    ),
    "30 days of requests": (
        functools.partial(month, days=30),
        "The machines' bill is right; the requests are counted over 30 days. 730 hours are 730 / 24 days.",
    ),
    "30.4 days of requests": (
        functools.partial(month, days=Fraction(304, 10)),
        "The machines' bill is right; the requests are counted over 30.4 days, which is rounded. 730 hours are 730 / 24 days.",
    ),
    "rounds down": (
        functools.partial(month, rounding=math.floor),
        "Yours rounds the machines down: in the busiest hour there would be too few. Round up.",
    ),
    "one more each time": (
        functools.partial(month, rounding=lambda needed: math.floor(needed) + 1),
        "Yours rounds down and adds one. Where the busiest hour needs exactly a whole number of machines, that is one too many "
        "(no traffic and a minimum of 0 need none). math.ceil rounds up only where there is a rest.",
    ),
    "rounds to the nearest": (
        functools.partial(month, rounding=round),
        "Yours rounds to the nearest whole machine; where 1.4 are needed, 1 is too few. Round up.",
    ),
    "parts of machines": (
        functools.partial(month, rounding=lambda needed: needed),
        "Yours pays for a part of a machine. Nobody rents one: round up to whole machines.",
    ),
    "no peak": (
        functools.partial(month, peaks=False),
        "Yours plans for the average. The busiest hour brings `peak` times as much, and there must be machines for it.",
    ),
    "no minimum": (
        functools.partial(month, minimum=False),
        "With little traffic yours rents fewer machines than `minimum`.",
    ),
    "nothing is free": (
        functools.partial(month, free=0),
        "The first `free` requests of a month cost nothing; yours charges for them.",
    ),
    "free each day": (
        functools.partial(month, free=Fraction(730, 24)),
        "`free` is a number of requests a month; yours takes it off every day.",
    ),
    "below zero": (unclipped, "With fewer requests than are free, yours pays money back. The least is 0."),
    "rounded": (
        functools.partial(month, cents=True),
        "Yours rounds to cents. Return the number as it is: who shows it may round it.",
    ),
}


def judge_month(evidence, rng):
    cases, got = offers(rng), evidence.get("usd") if isinstance(evidence, dict) else None
    if not _rows(got, len(cases), lambda each: type(each) in (str, int, float)):
        return not_yet(FOREIGN)
    if not _rows(evidence.get("unknown"), len(UNKNOWN), _texts(2)):
        return not_yet(FOREIGN)
    odd = next((value for value in got if isinstance(value, str)), None)
    if odd is not None:
        return not_yet(f"Return the USD a month, a number; yours gave {odd}.", "no number")
    if _close(got, [month(*case) for case in cases]):
        return _judge_unknown(evidence["unknown"])
    for name, (twisted, message) in MONTH_MISCONCEPTIONS.items():
        if _close(got, [twisted(*case) for case in cases]):
            return not_yet(message, name)
    offer, per_day, g = next((*case, g) for case, g in zip(cases, got, strict=True) if not _close([g], [month(*case)]))
    return not_yet(
        f"With {offer} and {per_day:,} forecasts a day a month costs {month(offer, per_day):.6g} USD; yours says {g:.6g}."
    )


def _close(got, want):
    return all(abs(g - w) <= 1e-6 * abs(w) + 1e-12 for g, w in zip(got, want, strict=True))  # NaN is not


def _judge_unknown(refusals):
    for kind, (what, said) in zip(UNKNOWN, refusals, strict=True):
        if what != "ValueError":
            did = f"gave {said}" if what == "gave" else f"raised {what}"
            return not_yet(
                f"The numbers are right. The kind {kind!r} is none of the two: raise ValueError; yours {did}.", "any kind"
            )
        if kind not in said:
            return not_yet(f"Your ValueError should name the kind that came, {kind!r}; it says {said!r}.", "kind not named")
    return passed()


# --- 33a.2: Vertex AI's shape -------------------------------------------------------------------------------------------


def talks(rng):
    """What comes from Vertex AI, and what our service would say: [body, status, content]."""
    late = [round(float(value), 6) for value in rng.uniform(0, 1, 9)]
    flights = [{"distance": int(value), "carrier": "UA"} for value in rng.integers(100, 5000, 4)]
    version, problem = str(rng.integers(2, 90)), {"where": "1.distance", "problem": f"is {int(rng.integers(-90, -1))}"}
    return [
        [{"instances": flights[:3]}, 200, {"version": version, "late": late[:3]}],
        [{"instances": flights[:1], "parameters": {"top": 1}}, 200, {"version": version, "late": late[3:4]}],
        [{"instances": flights[2:]}, 422, {"problems": [problem]}],
        [{"instances": flights[:2]}, 503, {"problems": ["no model is in use yet"]}],
        [{"instances": flights[:3]}, 200, {"version": version, "late": late[4:6]}],
        [{"instances": flights[:1]}, 200, {"version": version, "late": late[6:9]}],
        *([body, 200, {"version": version, "late": late[:1]}] for body in UNSOUND),
    ]


UNSOUND = [
    {},
    {"instances": []},
    {"instances": {"distance": 9}},
    {"flights": [{"distance": 9}]},
    [{"distance": 9}],
    None,
    "instances",
    7,
]


def probe_vertex(answer, rng):
    return {"talks": [_talk(answer, *talk) for talk in talks(rng)]}


def _talk(answer, body, status, content):
    asked = []

    def ask(flights):
        asked.append(list(flights) if isinstance(flights, (list, tuple)) else f"a {type(flights).__name__}")
        if len(asked) > 20:
            raise RecursionError("ask was called more than 20 times for one request.")
        return status, copy.deepcopy(content)

    try:
        returned = answer(copy.deepcopy(body), ask)
    except NotImplementedError:
        raise
    except Exception as error:
        return {"asked": asked, "raised": f"{type(error).__name__}: {error}"[:160]}
    if returned is ...:
        return {"asked": asked, "returned": ...}
    return {"asked": asked, "returned": list(returned) if isinstance(returned, (tuple, list)) else f"a {type(returned).__name__}"}


def vertex(body, status, content, *, each=False, bare=False, errors=None, trusting=False, loose=False, whole=False):
    """The oracle: what is asked and what goes back; "…" where only the shape is asked. Each keyword is a twist."""
    instances = body.get("instances") if isinstance(body, dict) else None
    sound = isinstance(instances, list) and (instances or loose)
    if not sound:
        return [[], 422, "…"]
    asked = [[flight] for flight in instances] if each else [instances]
    if status != 200:
        return [asked, errors or status, content]
    if whole:
        return [asked, 200, {"predictions": [content]}]
    if len(content["late"]) != len(instances) and not trusting:
        return [asked, 500, "…"]
    late = content["late"] if not trusting else content["late"][: len(instances)] if trusting == "zip" else content["late"]
    return [asked, 200, {"predictions": late if bare else [{"late": value, "version": content["version"]} for value in late]}]


VERTEX_MISCONCEPTIONS = {
    "answers not counted": (
        dict(trusting=True),
        "Our service gave more or fewer probabilities than there are instances, and yours passes them on: a flight would "
        "get another's. That is a 500.",
    ),
    "cut to fit": (
        dict(trusting="zip"),
        "Our service gave another number of probabilities than there are instances; yours pairs what is there. Nobody knows "
        "whose they are: that is a 500.",
    ),
    "version lost": (
        dict(bare=True),
        "Vertex AI passes on the predictions and nothing else: each has to be a dict with `late` and `version`.",
    ),
    "our answer in one piece": (
        dict(whole=True),
        "Yours puts our whole answer into one prediction. One a flight is wanted, in order.",
    ),
    "errors become 200": (
        dict(errors=200),
        "What our service refuses goes out as 200 in yours, and the caller takes it for forecasts. Keep the status.",
    ),
    "errors become 500": (
        dict(errors=500),
        "Yours turns every refusal into 500. With 422 the caller can mend the flight: keep the status.",
    ),
    "an empty list asked": (
        dict(loose=True),
        "An empty list of instances goes to our service in yours. It is not sound: 422, without asking.",
    ),
}


def judge_vertex(evidence, rng):
    cases, got = talks(rng), evidence.get("talks") if isinstance(evidence, dict) else None
    if not _rows(got, len(cases), _is_talk):
        return not_yet(FOREIGN)
    for case, talk in zip(cases, got, strict=True):
        fault = _talk_fault(case, talk)
        if fault:
            return fault
    if all(_as_wanted(talk, vertex(*case)) for case, talk in zip(cases, got, strict=True)):
        return _judge_words(cases, got)
    for name, (twist, message) in VERTEX_MISCONCEPTIONS.items():
        if all(_as_wanted(talk, vertex(*case, **twist)) for case, talk in zip(cases, got, strict=True)):
            return not_yet(message, name)
    case, talk = next((c, t) for c, t in zip(cases, got, strict=True) if not _as_wanted(t, vertex(*c)))
    return _vertex_difference(case, talk)


def _is_talk(talk):
    known = isinstance(talk, dict) and isinstance(talk.get("asked"), list)
    return known and (isinstance(talk.get("raised"), str) or "returned" in talk)


def _talk_fault(case, talk):
    """What can be told from one talk alone."""
    body, _, _ = case
    if body in UNSOUND and body != {"instances": []} and talk["asked"]:
        return not_yet(f"The body {body!r} has no list of instances, and yours asked the service all the same.", "asked anyway")
    if "raised" in talk:
        return not_yet(
            f"For the body {str(body)[:80]} yours raises {talk['raised']}. Every body gets a status and an answer.", "raises"
        )
    returned = talk["returned"]
    if not isinstance(returned, list) or len(returned) != 2 or not isinstance(returned[0], int) or isinstance(returned[0], bool):
        said = returned if isinstance(returned, str) else f"{str(returned)[:80]}"
        return not_yet(f"Return a pair, (status, answer), such as (200, {{...}}); yours gave {said}.", "no pair")
    if len(talk["asked"]) > 1:
        return not_yet(
            f"Yours asked {len(talk['asked'])} times for one request. The service takes a list: ask once, with all instances.",
            "a call a flight",
        )
    return None


def _as_wanted(talk, want):
    asked, status, content = want
    if talk["asked"] != asked or talk["returned"][0] != status:
        return False
    if content == "…":
        problems = talk["returned"][1].get("problems") if isinstance(talk["returned"][1], dict) else None
        return isinstance(problems, list) and bool(problems) and all(isinstance(each, str) for each in problems)
    return talk["returned"][1] == content


def _judge_words(cases, got):
    for (body, *_), talk in zip(cases, got, strict=True):
        if talk["returned"][0] == 422 and not talk["asked"] and "instances" not in " ".join(talk["returned"][1]["problems"]):
            return not_yet(f"For {body!r} the problem should name what is missing, `instances`.", "reason dropped")
    return passed()


def _vertex_difference(case, talk):
    body, status, content = case
    asked, want_status, want = vertex(*case)
    if talk["asked"] != asked:
        return not_yet(
            f"For the body {str(body)[:120]} the service is to be asked {asked!s:.120}; yours asked {talk['asked']!s:.120}."
        )
    wanted = '{"problems": [a text]}' if want == "…" else str(want)[:160]
    said = f" and our service's answer ({status}, {str(content)[:120]})" if asked else ""
    return not_yet(
        f"For the body {str(body)[:120]}{said}, ({want_status}, {wanted}) is wanted; yours gave {str(talk['returned'])[:160]}."
    )


# --- 33a.3: clean up ----------------------------------------------------------------------------------------------------

MINE = "flight-delay"
TAGS = {  # whose: its tags
    "mine": {"team": "ops", "project": MINE},
    "another project's": {"project": "churn", "team": "ops"},
    "nobody's": {},
    "of another key": {"copied-from": MINE, "project": "flight-delay-2"},
}
OWNERS = ("mine", "another project's", "mine", "nobody's", "mine", "of another key", "mine")
GONE = ("terminated", "shutting-down")
N_OBJECTS = 3  # in a full bucket; a page of the list has two


def account(rng):
    """What is in an account: [kind, name, whose, state]; the names and their order are drawn."""
    numbers = [int(number) for number in rng.permutation(900)[:40] + 100]
    whose = [OWNERS[place] for place in rng.permutation(len(OWNERS))]
    rows = [["endpoint", f"endpoint-{numbers.pop()}", owner, "InService"] for owner in whose]
    states = ("running", "stopped", "running", "terminated")
    mine = 0
    for owner in whose:
        state = states[mine] if owner == "mine" else "running"
        mine += owner == "mine"
        rows.append(["instance", f"machine-{numbers.pop()}", owner, state])
    rows += [["bucket", f"bucket-{numbers.pop()}", owner, "full" if owner == "mine" else "empty"] for owner in whose[:]]
    return rows


def probe_clean(answer, rng):
    from moto import mock_aws

    with mock.patch.dict(os.environ, MOTO_EC2_LOAD_DEFAULT_AMIS="false"), mock_aws():  # a thousand images take a second
        clients = [_client(name) for name in ("sagemaker", "ec2", "s3")]
        names = _furnish(*clients, account(rng))
        try:
            returned = answer(*clients, MINE)
        except Exception as error:
            return {"raised": _raised(error), "objects": _objects(clients[2])}
        if returned is ...:
            return {"returned": ..., "left": []}
        in_order = isinstance(returned, (list, tuple)) and [str(each) for each in returned] == sorted(map(str, returned))
        if isinstance(returned, (list, tuple)):
            returned = [_named(each, names) if isinstance(each, str) else f"a {type(each).__name__}" for each in returned]
        else:
            returned = "None" if returned is None else f"a {type(returned).__name__}"
        return {"returned": returned, "in_order": in_order, "left": _left(*clients, names)}


def _raised(error):
    """What an answer raised and in which line, as text. What did not come from inside the answer is raised again."""
    place, _ = learners_line(error)
    if isinstance(error, NotImplementedError) or not place:
        raise error
    return f"{describe(error)[:160]} ({place if len(place) < 110 else place.partition(': ')[0]})"


def _objects(s3):
    """How many objects each bucket still has."""
    pages = s3.get_paginator("list_objects_v2")
    names = [each["Name"] for each in s3.list_buckets()["Buckets"]]
    return {name: sum(len(page.get("Contents", [])) for page in pages.paginate(Bucket=name)) for name in names}


@functools.cache
def _session():
    import boto3

    return boto3.Session("nobody", "nothing", region_name="us-east-1")


def _client(name):
    """A client whose lists come in small pages, as Amazon's do."""
    client = _session().client(name)
    pages = {"ListEndpoints": ("MaxResults", 2), "ListObjectsV2": ("MaxKeys", 2), "ListObjects": ("MaxKeys", 2)}
    for operation, (limit, size) in pages.items():
        client.meta.events.register(f"provide-client-params.*.{operation}", functools.partial(_small_page, limit, size))
    return client


def _small_page(limit, size, params, **kwargs):
    params[limit] = min(size, params.get(limit, size)) if isinstance(params.get(limit, size), int) else size


def _furnish(sagemaker, ec2, s3, rows):
    """Make it all; gives the names of the machines by their ids."""
    variant = {"VariantName": "all", "ModelName": "m", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    role = "arn:aws:iam::123456789012:role/r"
    sagemaker.create_model(ModelName="m", ExecutionRoleArn=role, PrimaryContainer={"Image": "i", "ModelDataUrl": "s3://b/k"})
    sagemaker.create_endpoint_config(EndpointConfigName="c", ProductionVariants=[variant])
    names = {}
    for kind, name, owner, state in rows:
        tags = [{"Key": key, "Value": value} for key, value in TAGS[owner].items()]
        if kind == "endpoint":
            sagemaker.create_endpoint(EndpointName=name, EndpointConfigName="c", Tags=tags)
        elif kind == "instance":
            labels = [{"ResourceType": "instance", "Tags": tags}] if tags else []
            made = ec2.run_instances(ImageId="ami-1234abcd", MinCount=1, MaxCount=1, TagSpecifications=labels)
            names[made["Instances"][0]["InstanceId"]] = name
            _bring(ec2, made["Instances"][0]["InstanceId"], state)
        else:
            _fill_bucket(s3, name, tags, N_OBJECTS if state == "full" else 0)
    return names


def _bring(ec2, machine, state):
    if state == "stopped":
        ec2.stop_instances(InstanceIds=[machine])
    elif state == "terminated":
        ec2.terminate_instances(InstanceIds=[machine])


def _fill_bucket(s3, name, tags, n_objects):
    s3.create_bucket(Bucket=name)
    if tags:
        s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": tags})
    for place in range(n_objects):
        s3.put_object(Bucket=name, Key=f"{place}/model.tar.gz", Body=b"model")


def _named(text, names):
    for machine, name in names.items():
        text = text.replace(machine, name)
    return text[:80]


def _left(sagemaker, ec2, s3, names):
    """What is still there, as [kind, name, state]."""
    pages = sagemaker.get_paginator("list_endpoints").paginate()
    endpoints = [["endpoint", each["EndpointName"], each["EndpointStatus"]] for page in pages for each in page["Endpoints"]]
    found = [each for page in ec2.get_paginator("describe_instances").paginate() for each in page["Reservations"]]
    machines = [each for reservation in found for each in reservation["Instances"] if each["InstanceId"] in names]
    instances = [["instance", names[each["InstanceId"]], each["State"]["Name"]] for each in machines]
    buckets = [["bucket", each["Name"], "there"] for each in s3.list_buckets()["Buckets"]]
    return endpoints + [each for each in instances if each[2] not in GONE] + buckets


CLEAN_MISCONCEPTIONS = {
    "nobody's": (
        "everything",
        "It has no tags: nobody said that it is ours. Remove what is tagged project={0!r}, and nothing else.",
    ),
    "another project's": ("any project", "It belongs to the project 'churn'. The tag's value counts, not only its key."),
    "of another key": (
        "any tag",
        "Its tag `project` is 'flight-delay-2'; only another tag has our value. Key and value must fit, exactly.",
    ),
}


CLEAN_RAISED = {  # what stands in the exception's text: the misconception, and what was forgotten
    "NoSuchTagSet": (
        "without tags",
        "A bucket without tags has no TagSet: Amazon answers with an error. Catch the ClientError; such a bucket is not ours.",
    ),
    "KeyError: 'Tags'": (
        "without tags",
        'There are instances without tags, and they have no "Tags" at all: machine.get("Tags", []) is an empty list then.',
    ),
    "KeyError: 'project'": (
        "without tags",
        "There is something that has no tag `project`. Ask with .get, or look through its list of tags: it is not ours.",
    ),
    "KeyError: 'Contents'": (
        "raises",
        'A bucket that is empty, or has just been emptied, has no `Contents` in its list: page.get("Contents", []).',
    ),
}


def _judge_clean_raised(evidence, rows):
    told, objects = str(evidence["raised"]), evidence.get("objects")
    if "BucketNotEmpty" in told:
        full = [row[1] for row in rows if row[3] == "full" and isinstance(objects, dict) and row[1] in objects]
        begun = [name for name in full if objects[name] in range(1, N_OBJECTS)]
        which = (
            f"In {begun[0]} one page of the objects is deleted, and there are more: use"
            if begun
            else "Delete its objects first, by"
        )
        return not_yet(
            f"Yours deletes a bucket while there are objects in it, and Amazon refuses (BucketNotEmpty). {which} "
            "s3.get_paginator('list_objects_v2').paginate(Bucket=...).",
            "bucket not empty",
        )
    for part, (name, message) in CLEAN_RAISED.items():
        if part in told:
            return not_yet(f"Yours raised {told}. {message}", name)
    return not_yet(f"Yours raised {told}, and the cleaning-up ended there.", "raises")


def judge_clean(evidence, rng):
    rows = account(rng)
    if isinstance(evidence, dict) and "raised" in evidence:
        return _judge_clean_raised(evidence, rows)
    if not isinstance(evidence, dict) or not _rows(evidence.get("left"), None, _texts(3)):
        return not_yet(FOREIGN)
    left = {(kind, name): state for kind, name, state in evidence["left"]}
    for owner, (name, message) in CLEAN_MISCONCEPTIONS.items():
        gone = [row for row in rows if row[2] == owner and (row[0], row[1]) not in left]
        if gone:
            return not_yet(f"Yours removed the {gone[0][0]} {gone[0][1]}. " + message.format(MINE), name)
    stopped = [row for row in rows if row[2] != "mine" and row[0] == "instance" and left[row[0], row[1]] != "running"]
    if stopped:
        return not_yet(f"Yours stopped the instance {stopped[0][1]}, which is {stopped[0][2]}. Touch nothing that is not ours.")
    mine = [row for row in rows if row[2] == "mine"]
    still = [row for row in mine if (row[0], row[1]) in left]
    if still:
        return _judge_left(mine, still, left)
    want = sorted(f"{kind} {name}" for kind, name, _, state in mine if state != "terminated")
    return _judge_returned(evidence.get("returned"), evidence.get("in_order") is True, want)


def _judge_left(mine, still, left):
    kinds = {row[0] for row in still}
    if len(still) == sum(row[3] != "terminated" for row in mine):
        halted = any(left["instance", row[1]] == "stopped" and row[3] == "running" for row in still if row[0] == "instance")
        return not_yet(
            "All that is ours is still there." + (" Its machines are stopped, which keeps their disks." if halted else ""),
            "nothing",
        )
    if kinds == {"instance"} and any(left["instance", row[1]] == "stopped" and row[3] == "running" for row in still):
        return not_yet(
            "Yours stopped the machines: their disks are still paid for. terminate_instances ends that.", "stopped, not gone"
        )
    if kinds == {"instance"} and all(row[3] == "stopped" for row in still):
        return not_yet(f"The instance {still[0][1]} was stopped before, and is left: its disk still costs.", "stopped ones stay")
    if kinds == {"endpoint"} and len(still) < sum(row[0] == "endpoint" for row in mine):
        return not_yet(
            f"{still[0][1]} is left, others are gone: Amazon gives long lists in pages, and yours read one. "
            'sagemaker.get_paginator("list_endpoints").paginate() gives all of them.',
            "first page only",
        )
    return not_yet(f"{len(still)} that are ours are left, such as the {still[0][0]} {still[0][1]}.", "something left")


def _judge_returned(got, in_order, want):
    if not _texts(None)(got):
        return not_yet(f"All is clean. Return the list of what was removed; yours gave {got}.", "no list")
    if sorted(got) == want and in_order:
        return passed()
    if sorted(got) == want:
        return not_yet(
            "The list is right, and not sorted: return sorted(...), so that two reports can be compared.", "not sorted"
        )
    more = [each for each in got if each not in want]
    if more and sorted([*want, *more]) == sorted(got) and all(each.startswith("instance ") for each in more):
        return not_yet(
            "Your list has a machine that had been terminated before: it cost nothing, and nothing was done.", "the dead counted"
        )
    return not_yet(f"All is clean. The list should begin {want[:3]}; yours begins {got[:3]}.", "another list")


# --- the questions ------------------------------------------------------------------------------------------------------

SOLUTION = "solutions/33a_cloud.ipynb"

QUESTIONS = {
    "33a.1": Question(
        title="What a month costs",
        probe=probe_month,
        judge=judge_month,
        hints=(
            "Two kinds, two formulas; everything else raises ValueError. Begin with the requests of a month: 730 / 24 * per_day.",
            "The busiest hour brings per_day / 86_400 * peak forecasts a second; over per_second, and rounded up by math.ceil, "
            "that is the machines; max(...) keeps the minimum.",
            "machines: 730 * max(minimum, math.ceil(...)) * usd_hour. "
            "serverless: max(0, 730 / 24 * per_day - free) * usd_request.",
        ),
        notebook=SOLUTION,
        misconceptions=("no number", "any kind", "kind not named", *MONTH_MISCONCEPTIONS),
    ),
    "33a.2": Question(
        title="One contract spoken as another",
        probe=probe_vertex,
        judge=judge_vertex,
        hints=(
            "Look at the body first: isinstance(body, dict), then isinstance of its instances, then whether there are any.",
            "status, content = ask(instances), once. If the status is not 200, return both as they are.",
            'Before you build the predictions compare len(content["late"]) with len(instances); then '
            '[{"late": late, "version": content["version"]} for late in content["late"]].',
        ),
        notebook=SOLUTION,
        misconceptions=("asked anyway", "raises", "no pair", "a call a flight", "reason dropped", *VERTEX_MISCONCEPTIONS),
    ),
    "33a.3": Question(
        title="Nothing left on the meter",
        probe=probe_clean,
        judge=judge_clean,
        hints=(
            "A small function first: does a list such as [{'Key': 'project', 'Value': 'flight-delay'}] hold our tag? "
            "Endpoints, instances and buckets all give their tags in this form.",
            "Endpoints: sagemaker.get_paginator('list_endpoints'), list_tags(ResourceArn=...)['Tags']. Instances: 'Tags' may be "
            "absent. Buckets: s3.get_bucket_tagging raises ClientError where there are no tags.",
            "A bucket must be empty before it goes: for each page of s3.get_paginator('list_objects_v2').paginate(Bucket=name), "
            "delete each Key of page.get('Contents', []). Leave out instances that are 'terminated' or 'shutting-down'.",
        ),
        notebook=SOLUTION,
        misconceptions=(
            *(name for name, _ in CLEAN_MISCONCEPTIONS.values()),
            "bucket not empty",
            "without tags",
            "raises",
            "nothing",
            "stopped, not gone",
            "stopped ones stay",
            "first page only",
            "something left",
            "no list",
            "not sorted",
            "the dead counted",
            "another list",
        ),
    ),
}
