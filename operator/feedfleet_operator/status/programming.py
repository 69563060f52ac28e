"""Whether the cluster's objects are what is asked for, and whether the pods have loaded it."""

from collections.abc import Iterable, Mapping, Sequence

from feedfleet_connector.topic import Topic
from feedfleet_operator import labels
from feedfleet_operator.status.conditions import FALSE, TRUE, Finding
from feedfleet_operator.status.picture import Picture
from feedfleet_operator.status.pods import pod_name
from feedfleet_operator.status.reasons import Reason
from feedfleet_operator.status.serving import ServingShard
from feedfleet_operator.status.wording import counted, listed, quoted
from feedfleet_operator.world import Manifest, Ref


def fleet_programming(picture: Picture, accepted: Finding) -> Finding:
    """Programmed of the FeedFleet."""
    decision, shards = picture.decision, tuple(picture.shards.values())
    if accepted.status == FALSE:
        return _not_accepted()
    if decision.paused:
        return Finding(FALSE, Reason.PAUSED, "nothing is changed as long as spec.paused is true")
    errors = dict(sorted(picture.outcome.errors.items()))
    if errors:
        return _write_failed(errors)
    if decision.shard_problems:
        return _too_large(decision.shard_problems)
    if decision.prune_refused:
        return Finding(FALSE, Reason.PRUNE_REFUSED, quoted(decision.prune_refused))
    return (
        _refused_assignment(picture, shards)
        or _rolling(picture, shards)
        or _pending_assignment(picture, shards)
        or Finding(TRUE, Reason.PROGRAMMED, _programmed_message(len(shards)))
    )


def subscription_programming(picture: Picture, topics: Sequence[Topic], accepted: Finding) -> Finding:
    """Programmed of a FeedSubscription: of the shards that are to serve its topics."""
    shards = picture.shards_of(topics)
    unplaced = [topic for topic in topics if topic not in picture.place]
    if accepted.status == FALSE:
        return _not_accepted()
    if picture.decision.paused and unplaced:
        return Finding(FALSE, Reason.PAUSED, f"FeedFleet {picture.fleet_name} is paused: {listed(unplaced)} must wait")
    errors = picture.write_errors(shards)
    if errors:
        return _write_failed(errors)
    problems = {shard.name: picture.decision.shard_problems.get(shard.name, "") for shard in shards}
    if any(problems.values()):
        return _too_large({name: problem for name, problem in problems.items() if problem})
    return (
        _refused_assignment(picture, shards)
        or _pending_assignment(picture, shards)
        or Finding(TRUE, Reason.PROGRAMMED, _programmed_message(len(shards)))
    )


def _not_accepted() -> Finding:
    return Finding(FALSE, Reason.NOT_ACCEPTED, "it was not accepted; what was there before stays as it is")


def _programmed_message(shards: int) -> str:
    return f"{counted(shards, 'shard')} written and loaded" if shards else "there is nothing to write"


def _write_failed(errors: Mapping[Ref, str]) -> Finding:
    told = [f"{ref.kind} {ref.name}: {quoted(error)}" for ref, error in errors.items()]
    return Finding(FALSE, Reason.WRITE_FAILED, listed(told, 2))


def _too_large(problems: Mapping[str, str]) -> Finding:
    told = [f"shard {shard}: {quoted(problem)}" for shard, problem in sorted(problems.items())]
    return Finding(FALSE, Reason.ASSIGNMENT_TOO_LARGE, listed(told, 2))


def _refused_assignment(picture: Picture, shards: Iterable[ServingShard]) -> Finding | None:
    refusals = []
    for shard in shards:
        for pod in shard.pods:
            answer = picture.answers.get(pod_name(pod))
            if answer is not None and answer.refusal and answer.digest != shard.digest:
                refusals.append(f"pod {answer.pod}: {quoted(answer.refusal)}")
    return Finding(FALSE, Reason.ASSIGNMENT_REFUSED, listed(refusals, 2)) if refusals else None


def _pending_assignment(picture: Picture, shards: Iterable[ServingShard]) -> Finding | None:
    pending = []
    for shard in shards:
        told = [picture.answers[pod_name(pod)] for pod in shard.pods if pod_name(pod) in picture.answers]
        if shard.wanted_pods and (not told or any(answer.digest != shard.digest for answer in told)):
            pending.append(shard.object_name)
    if not pending:
        return None
    return Finding(FALSE, Reason.ASSIGNMENT_PENDING, f"not loaded yet by the pods of {listed(pending)}")


def _rolling(picture: Picture, shards: Iterable[ServingShard]) -> Finding | None:
    held_back = {ref.name for ref in picture.decision.held_back}
    given = {manifest["metadata"]["name"]: manifest for manifest in picture.decision.apply if is_deployment(manifest)}
    rolling, stuck = [], []
    for shard in shards:
        live, name = picture.deployment(shard), shard.object_name
        if live is None:
            continue
        if _has_old_pods(live) and _makes_no_progress(live):
            stuck.append(name)
        elif name in held_back or _has_old_pods(live) or (name in given and gets_new_template(given[name], live)):
            rolling.append(name)
    if stuck:
        message = f"new pods of {listed(stuck)} do not become ready; the old ones stay"
        return Finding(FALSE, Reason.ROLLOUT_STUCK, message)
    return Finding(FALSE, Reason.ROLLING_OUT, f"{listed(rolling)} get new pods") if rolling else None


def is_deployment(manifest: Manifest) -> bool:
    """Whether the object is a Deployment."""
    return bool(manifest["kind"] == "Deployment")


def gets_new_template(desired: Manifest, live: Manifest) -> bool:
    """Whether applying the Deployment replaces its pods."""
    wanted, present = _template_hash(desired), _template_hash(live)
    return bool(wanted) and wanted != present


def _template_hash(deployment: Manifest) -> str:
    text: str = (deployment["metadata"].get("annotations") or {}).get(labels.TEMPLATE_ANNOTATION, "")
    return text


def _has_old_pods(deployment: Manifest) -> bool:
    status = deployment.get("status") or {}
    return int(status.get("replicas", 0)) > int(status.get("updatedReplicas", 0))


def _makes_no_progress(deployment: Manifest) -> bool:
    return any(
        row.get("type") == "Progressing" and row.get("reason") == "ProgressDeadlineExceeded"
        for row in (deployment.get("status") or {}).get("conditions") or ()
    )
