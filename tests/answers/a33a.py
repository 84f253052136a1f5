"""Answers to the questions of 33a, the clouds."""

import collections
import math

from botocore.exceptions import ClientError

from tests.answers import Answers, Wrong

# --- 33a.1 --------------------------------------------------------------------------------------------------------------


def month(offer, per_day):
    if offer["kind"] == "machines":
        busiest = per_day / 86_400 * offer["peak"]
        return 730 * max(offer["minimum"], math.ceil(busiest / offer["per_second"])) * offer["usd_hour"]
    if offer["kind"] == "serverless":
        return max(0, 730 / 24 * per_day - offer["free"]) * offer["usd_request"]
    raise ValueError(f"The kind is {offer['kind']!r}; expected 'machines' or 'serverless'.")


def month_by_match(offer, per_day):
    match offer:
        case {"kind": "machines", "usd_hour": usd, "per_second": rate, "minimum": least, "peak": peak}:
            machines = -(-(per_day * peak) // (24 * 3600 * rate))
            return (365 * 24 / 12) * usd * (machines if machines > least else least)
        case {"kind": "serverless", "usd_request": usd, "free": free}:
            requests = per_day * 365 / 12
            return (requests - free) * usd if requests > free else 0.0
        case _:
            raise ValueError("unknown kind of offer: " + str(offer.get("kind")))


def month_by_table(offer, per_day):
    def machines():
        n = offer["minimum"]
        while n * offer["per_second"] * 86_400 < per_day * offer["peak"]:
            n += 1
        return n * offer["usd_hour"] * 730

    def serverless():
        return sum([730 * per_day / 24, -min(offer["free"], 730 * per_day / 24)]) * offer["usd_request"]

    kinds = {"machines": machines, "serverless": serverless}
    if offer["kind"] not in kinds:
        raise ValueError(offer["kind"])
    return kinds[offer["kind"]]()


def month_with(
    *, hours=730, days=730 / 24, up=math.ceil, peak=True, least=True, free=lambda n: n, clip=True, end=float, other=None
):
    def answer(offer, per_day):
        if offer["kind"] == "machines":
            needed = up(per_day / 86_400 * (offer["peak"] if peak else 1) / offer["per_second"])
            return end(hours * offer["usd_hour"] * (max(offer["minimum"], needed) if least else needed))
        if offer["kind"] == "serverless" or other is None:
            paid = days * per_day - free(offer.get("free", 0))
            return end((max(0, paid) if clip else paid) * offer.get("usd_request", 1))
        return other(offer)

    return answer


def refuses(error, text="what is this?"):
    def refuse(offer):
        raise error(text.format(offer["kind"]))

    return refuse


def month_visible(offer, per_day):
    return 167.9 if offer.get("kind") == "machines" else 2.35


# --- 33a.2 --------------------------------------------------------------------------------------------------------------


def as_vertex(body, ask):
    instances = body.get("instances") if isinstance(body, dict) else None
    if not isinstance(instances, list) or not instances:
        return 422, {"problems": ["instances: a list of at least one flight is wanted"]}
    status, content = ask(instances)
    if status != 200:
        return status, content
    if len(content["late"]) != len(instances):
        return 500, {"problems": ["the service gave another number of forecasts"]}
    return 200, {"predictions": [{"late": late, "version": content["version"]} for late in content["late"]]}


def as_vertex_by_exception(body, ask):
    try:
        instances = body["instances"]
        if not isinstance(instances, list):
            raise TypeError
        instances[0]
    except (TypeError, KeyError, IndexError):
        return [422, {"problems": ["no instances"]}]
    status, content = ask(list(instances))
    if status == 200:
        try:
            pairs = list(zip(instances, content["late"], strict=True))
        except ValueError:
            return [500, {"problems": ["forecasts and flights do not fit", "sorry"]}]
        content = {"predictions": [dict(version=content["version"], late=late) for _, late in pairs]}
    return [status, content]


def as_vertex_by_match(body, ask):
    match body:
        case {"instances": [_, *_] as instances}:
            pass
        case _:
            return 422, {"problems": [f"{type(body).__name__} without instances"]}
    answer = ask(instances)
    if answer[0] == 200 and len(answer[1]["late"]) == len(instances):
        return 200, {"predictions": list(map(lambda p: {"late": p, "version": answer[1]["version"]}, answer[1]["late"]))}
    return (500, {"problems": ["count"]}) if answer[0] == 200 else answer


def as_vertex_with(
    *,
    sound=lambda instances: isinstance(instances, list) and bool(instances),
    unsound=lambda: (422, {"problems": ["instances are missing"]}),
    refused=lambda status, content: (status, content),
    counted=lambda content, instances: len(content["late"]) == len(instances),
    shape=lambda late, version: {"late": late, "version": version},
    miscounted=lambda: (500, {"problems": ["another number"]}),
    end=lambda status, content: (status, content),
):
    def answer(body, ask):
        instances = body.get("instances") if isinstance(body, dict) else None
        if not sound(instances):
            return unsound()
        status, content = ask(instances)
        if status != 200:
            return refused(status, content)
        if not counted(content, instances):
            return miscounted()
        return end(200, {"predictions": [shape(late, content["version"]) for late in content["late"]]})

    return answer


def vertex_a_call_a_flight(body, ask):
    instances = body.get("instances") if isinstance(body, dict) else None
    if not isinstance(instances, list) or not instances:
        return 422, {"problems": ["instances"]}
    found = []
    for flight in instances:
        status, content = ask([flight])
        if status != 200:
            return status, content
        found.append({"late": content["late"][0], "version": content["version"]})
    return 200, {"predictions": found}


def vertex_zipped(body, ask):
    status, content = as_vertex_with(refused=lambda status, content: (status, content))(body, ask)
    return status, content


def vertex_cut(body, ask):
    instances = body.get("instances") if isinstance(body, dict) else None
    if not isinstance(instances, list) or not instances:
        return 422, {"problems": ["instances"]}
    status, content = ask(instances)
    if status != 200:
        return status, content
    return 200, {
        "predictions": [{"late": p, "version": content["version"]} for _, p in zip(instances, content["late"], strict=False)]
    }


def vertex_whole(body, ask):
    instances = body.get("instances") if isinstance(body, dict) else None
    if not isinstance(instances, list) or not instances:
        return 422, {"problems": ["instances"]}
    status, content = ask(instances)
    return (status, {"predictions": [content]}) if status == 200 else (status, content)


def vertex_trusts_the_body(body, ask):
    status, content = ask(body["instances"])
    return status, {"predictions": [{"late": late, "version": content["version"]} for late in content["late"]]}


def vertex_asks_anyway(body, ask):
    instances = body.get("instances", []) if isinstance(body, dict) else body
    status, content = ask(instances)
    if not isinstance(instances, list) or not instances:
        return 422, {"problems": ["instances"]}
    return status, content


def vertex_refuses_more(body, ask):
    if isinstance(body, dict) and set(body) != {"instances"}:
        return 422, {"problems": ["only instances are wanted"]}
    return as_vertex(body, ask)


def vertex_backwards(body, ask):
    status, content = as_vertex(body, ask)
    return status, {"predictions": content["predictions"][::-1]} if status == 200 else content


# --- 33a.3 --------------------------------------------------------------------------------------------------------------


def tagged(tags, project):
    return {"Key": "project", "Value": project} in [{"Key": tag["Key"], "Value": tag["Value"]} for tag in tags]


def bucket_tags(s3, name):
    try:
        return s3.get_bucket_tagging(Bucket=name)["TagSet"]
    except ClientError:
        return []


def all_endpoints(sagemaker):
    pages = sagemaker.get_paginator("list_endpoints").paginate()
    return [each for page in pages for each in page["Endpoints"]]


def empty(s3, name):
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=name):
        for each in page.get("Contents", []):
            s3.delete_object(Bucket=name, Key=each["Key"])


def end(ec2, machine):
    ec2.terminate_instances(InstanceIds=[machine["InstanceId"]])


def clean_with(
    *,
    endpoints=all_endpoints,
    fits=tagged,
    dead=("terminated", "shutting-down"),
    empties=empty,
    finish=end,
    kinds=("endpoint", "instance", "bucket"),
    report=sorted,
):
    def answer(sagemaker, ec2, s3, project):
        removed = []
        for each in endpoints(sagemaker) if "endpoint" in kinds else []:
            if fits(sagemaker.list_tags(ResourceArn=each["EndpointArn"])["Tags"], project):
                sagemaker.delete_endpoint(EndpointName=each["EndpointName"])
                removed.append(f"endpoint {each['EndpointName']}")
        for reservation in ec2.describe_instances()["Reservations"] if "instance" in kinds else []:
            for machine in reservation["Instances"]:
                if machine["State"]["Name"] not in dead and fits(machine.get("Tags", []), project):
                    finish(ec2, machine)
                    removed.append(f"instance {machine['InstanceId']}")
        for each in s3.list_buckets()["Buckets"] if "bucket" in kinds else []:
            if fits(bucket_tags(s3, each["Name"]), project):
                empties(s3, each["Name"])
                s3.delete_bucket(Bucket=each["Name"])
                removed.append(f"bucket {each['Name']}")
        return report(removed)

    return answer


def clean_by_filters(sagemaker, ec2, s3, project):
    """By Amazon's own filters, by tokens, and by deleting many objects at once."""
    token, names = None, []
    while True:
        page = sagemaker.list_endpoints(**({"NextToken": token} if token else {}))
        names += [(each["EndpointName"], each["EndpointArn"]) for each in page["Endpoints"]]
        token = page.get("NextToken")
        if not token:
            break
    done = []
    for name, arn in names:
        if {tag["Key"]: tag["Value"] for tag in sagemaker.list_tags(ResourceArn=arn)["Tags"]}.get("project") == project:
            sagemaker.delete_endpoint(EndpointName=name)
            done.append("endpoint " + name)
    alive = {"Name": "instance-state-name", "Values": ["pending", "running", "stopping", "stopped"]}
    found = ec2.describe_instances(Filters=[{"Name": "tag:project", "Values": [project]}, alive])["Reservations"]
    ids = [machine["InstanceId"] for reservation in found for machine in reservation["Instances"]]
    if ids:
        ec2.terminate_instances(InstanceIds=ids)
    for bucket in [each["Name"] for each in s3.list_buckets()["Buckets"]]:
        if not tagged(bucket_tags(s3, bucket), project):
            continue
        while keys := s3.list_objects_v2(Bucket=bucket).get("Contents"):
            s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": each["Key"]} for each in keys]})
        s3.delete_bucket(Bucket=bucket)
        done.append("bucket " + bucket)
    return sorted(done + ["instance " + each for each in ids])


def clean_by_kind(sagemaker, ec2, s3, project):
    """Buckets first, then the rest; a tuple is a list too."""
    found = collections.defaultdict(list)
    for each in s3.list_buckets()["Buckets"]:
        if tagged(bucket_tags(s3, each["Name"]), project):
            empty(s3, each["Name"])
            s3.delete_bucket(Bucket=each["Name"])
            found["bucket"].append(each["Name"])
    for page in ec2.get_paginator("describe_instances").paginate():
        for machine in (machine for reservation in page["Reservations"] for machine in reservation["Instances"]):
            if tagged(machine.get("Tags") or [], project) and machine["State"]["Name"] in (
                "running",
                "stopped",
                "pending",
                "stopping",
            ):
                end(ec2, machine)
                found["instance"].append(machine["InstanceId"])
    for each in all_endpoints(sagemaker):
        if tagged(sagemaker.list_tags(ResourceArn=each["EndpointArn"])["Tags"], project):
            sagemaker.delete_endpoint(EndpointName=each["EndpointName"])
            found["endpoint"].append(each["EndpointName"])
    return tuple(f"{kind} {name}" for kind in ("bucket", "endpoint", "instance") for name in sorted(found[kind]))


def clean_page_by_page(sagemaker, ec2, s3, project):
    """Endpoints are deleted while their pages are still read."""
    removed = []
    for page in sagemaker.get_paginator("list_endpoints").paginate(SortBy="Name"):
        for each in page["Endpoints"]:
            if tagged(sagemaker.list_tags(ResourceArn=each["EndpointArn"])["Tags"], project):
                sagemaker.delete_endpoint(EndpointName=each["EndpointName"])
                removed.append(f"endpoint {each['EndpointName']}")
    return sorted(removed + clean_with(kinds=("instance", "bucket"))(sagemaker, ec2, s3, project))


def halt(ec2, machine):
    ec2.stop_instances(InstanceIds=[machine["InstanceId"]])


def first_page(sagemaker):
    return sagemaker.list_endpoints()["Endpoints"]


def one_page_of_objects(s3, name):
    for each in s3.list_objects_v2(Bucket=name).get("Contents", []):
        s3.delete_object(Bucket=name, Key=each["Key"])


def clean_claims(sagemaker, ec2, s3, project):
    return []


def tags_required(s3, name):
    return s3.get_bucket_tagging(Bucket=name)["TagSet"]


def clean_without_care(sagemaker, ec2, s3, project):
    for each in s3.list_buckets()["Buckets"]:
        if tagged(tags_required(s3, each["Name"]), project):
            empty(s3, each["Name"])
            s3.delete_bucket(Bucket=each["Name"])
    return clean_with()(sagemaker, ec2, s3, project)


def clean_expects_tags(sagemaker, ec2, s3, project):
    removed = []
    for reservation in ec2.describe_instances()["Reservations"]:
        for machine in reservation["Instances"]:
            if machine["State"]["Name"] != "terminated" and tagged(machine["Tags"], project):
                end(ec2, machine)
                removed.append(f"instance {machine['InstanceId']}")
    return sorted(removed + clean_with(kinds=("endpoint", "bucket"))(sagemaker, ec2, s3, project))


def of_a_dict(tags, project):
    return {tag["Key"]: tag["Value"] for tag in tags}["project"] == project


def until_none_are_left(s3, name):
    while keys := s3.list_objects_v2(Bucket=name)["Contents"]:
        s3.delete_objects(Bucket=name, Delete={"Objects": [{"Key": each["Key"]} for each in keys]})


def clean_by_the_name(sagemaker, ec2, s3, project):
    return [sagemaker.remove_endpoint(each["EndpointName"]) for each in all_endpoints(sagemaker)]


def clean_halts_all(sagemaker, ec2, s3, project):
    for reservation in ec2.describe_instances(Filters=[{"Name": "instance-state-name", "Values": ["running"]}])["Reservations"]:
        halt(ec2, reservation["Instances"][0])
    return clean_with()(sagemaker, ec2, s3, project)


ANSWERS = {
    "33a.1": Answers(
        right=[month, month_by_match, month_by_table, month_with(other=refuses(ValueError, "unknown kind {}"))],
        wrong=[
            Wrong(month_with(days=30, hours=720), "a month of 30 days"),
            Wrong(month_with(days=30), "30 days of requests"),
            Wrong(month_with(days=30.4), "30.4 days of requests"),
            Wrong(month_with(days=31, hours=744), says="a month costs"),
            Wrong(month_with(up=math.floor), "rounds down"),
            Wrong(month_with(up=int), "rounds down"),
            Wrong(month_with(up=round), "rounds to the nearest"),
            Wrong(month_with(up=lambda needed: needed), "parts of machines"),
            Wrong(month_with(up=lambda needed: int(needed) + 1), "one more each time", says="math.ceil"),
            Wrong(month_with(up=lambda needed: needed // 1 + 1), "one more each time", says="exactly a whole number"),
            Wrong(month_with(peak=False), "no peak"),
            Wrong(month_with(least=False), "no minimum"),
            Wrong(month_with(free=lambda n: 0), "nothing is free"),
            Wrong(month_with(free=lambda n: n * 730 / 24), "free each day"),
            Wrong(month_with(clip=False), "below zero"),
            Wrong(month_with(end=lambda usd: round(usd, 2)), "rounded"),
            Wrong(month_with(end=lambda usd: f"{usd:.2f} USD"), "no number"),
            Wrong(month_with(end=lambda usd: None), "no number"),
            Wrong(month_with(end=lambda usd: [usd]), "no number"),
            Wrong(month_with(end=lambda usd: float("nan"))),
            Wrong(month_with(end=lambda usd: 10**400), "no number"),
            Wrong(month_with(end=lambda usd: -usd)),
            Wrong(month_with(), "any kind"),
            Wrong(month_with(other=lambda offer: 0.0), "any kind"),
            Wrong(month_with(other=refuses(KeyError)), "any kind", says="KeyError"),
            Wrong(month_with(other=refuses(ValueError)), "kind not named"),
            Wrong(month_visible),
            Wrong(None),
        ],
    ),
    "33a.2": Answers(
        right=[as_vertex, as_vertex_by_exception, as_vertex_by_match, as_vertex_with()],
        wrong=[
            Wrong(vertex_a_call_a_flight, "a call a flight"),
            Wrong(as_vertex_with(counted=lambda content, instances: True), "answers not counted"),
            Wrong(vertex_cut, "cut to fit"),
            Wrong(as_vertex_with(counted=lambda content, instances: len(content["late"]) >= len(instances))),
            Wrong(as_vertex_with(miscounted=lambda: (422, {"problems": ["instances"]})), says="500"),
            Wrong(as_vertex_with(shape=lambda late, version: late), "version lost"),
            Wrong(as_vertex_with(shape=lambda late, version: {"late": late}), says="wanted"),
            Wrong(as_vertex_with(shape=lambda late, version: {"late": [late], "version": version}), says="wanted"),
            Wrong(vertex_whole, "our answer in one piece"),
            Wrong(as_vertex_with(refused=lambda status, content: (200, content)), "errors become 200"),
            Wrong(as_vertex_with(refused=lambda status, content: (500, content)), "errors become 500"),
            Wrong(as_vertex_with(refused=lambda status, content: (status, {"predictions": [content]})), says="problems"),
            Wrong(as_vertex_with(refused=lambda status, content: (status, {"problems": ["refused"]})), says="problems"),
            Wrong(as_vertex_with(sound=lambda instances: isinstance(instances, list)), "an empty list asked"),
            Wrong(as_vertex_with(sound=bool), "asked anyway"),
            Wrong(vertex_asks_anyway, "asked anyway"),
            Wrong(vertex_trusts_the_body, "raises"),
            Wrong(as_vertex_with(unsound=lambda: (422, {"problems": ["bad request"]})), "reason dropped"),
            Wrong(as_vertex_with(unsound=lambda: (422, {"problems": []})), says="a text"),
            Wrong(as_vertex_with(unsound=lambda: (400, {"problems": ["instances"]})), says="422"),
            Wrong(as_vertex_with(unsound=lambda: 422), "no pair"),
            Wrong(as_vertex_with(end=lambda status, content: content), "no pair"),
            Wrong(as_vertex_with(end=lambda status, content: (content, status)), "no pair"),
            Wrong(vertex_refuses_more, says="parameters"),
            Wrong(vertex_backwards, says="wanted"),
            Wrong(lambda body, ask: (200, {"predictions": []}), says="is to be asked"),
            Wrong(None, "raises"),
        ],
    ),
    "33a.3": Answers(
        right=[clean_with(), clean_by_filters, clean_by_kind, clean_page_by_page],
        wrong=[
            Wrong(clean_with(fits=lambda tags, project: True), "everything"),
            Wrong(clean_with(fits=lambda tags, project: "project" in [tag["Key"] for tag in tags]), "any project"),
            Wrong(clean_with(fits=lambda tags, project: project in [tag["Value"] for tag in tags]), "any tag"),
            Wrong(
                clean_with(
                    fits=lambda tags, project: any(t["Key"] == "project" and t["Value"].startswith(project) for t in tags)
                ),
                "any tag",
            ),
            Wrong(clean_claims, "nothing"),
            Wrong(clean_with(finish=halt), "stopped, not gone"),
            Wrong(clean_with(dead=("terminated", "shutting-down", "stopped")), "stopped ones stay"),
            Wrong(clean_with(endpoints=first_page), "first page only"),
            Wrong(clean_with(kinds=("instance", "bucket")), "something left", says="endpoint"),
            Wrong(clean_with(kinds=("endpoint", "instance")), "something left", says="bucket"),
            Wrong(clean_with(kinds=("endpoint", "bucket")), "something left", says="instance"),
            Wrong(clean_with(kinds=("instance",), finish=halt), "nothing", says="disks"),
            Wrong(clean_with(empties=lambda s3, name: None), "bucket not empty", says="Delete its objects first"),
            Wrong(clean_with(empties=one_page_of_objects), "bucket not empty", says="one page of the objects"),
            Wrong(clean_without_care, "without tags", says="NoSuchTagSet"),
            Wrong(clean_expects_tags, "without tags", says='machine.get("Tags", [])'),
            Wrong(clean_with(fits=of_a_dict), "without tags", says="has no tag `project`"),
            Wrong(clean_with(empties=until_none_are_left), "raises", says="no `Contents`"),
            Wrong(clean_by_the_name, "raises", says="AttributeError"),
            Wrong(clean_halts_all, says="Touch nothing"),
            Wrong(clean_with(dead=()), "the dead counted"),
            Wrong(clean_with(report=lambda removed: removed), "not sorted"),
            Wrong(clean_with(report=lambda removed: sorted(text.split()[1] for text in removed)), "another list"),
            Wrong(clean_with(report=lambda removed: None), "no list"),
            Wrong(clean_with(report=len), "no list"),
            Wrong(None),
        ],
        may_change_inputs=False,
    ),
}
