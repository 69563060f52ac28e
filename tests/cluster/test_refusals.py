"""What the CRDs refuse, asked of a real API server."""

import re
from collections.abc import Iterator

import pytest

from installation import Installation
from kubernetes_cli import PATHS, Api, ApiError
from team import Team
from validation_cases import ACCEPTED, PASSWORD, REFUSED, UPDATES, Body, Refused

SAYS_WHAT_IS_ALLOWED = re.compile(
    r"allowed: |supported values: |should |must |may not |unknown field|Required value|Duplicate value|does not match"
    r"|cannot unmarshal"
)


@pytest.fixture(scope="module")
def team(installed: Installation) -> Iterator[Team]:
    team = Team.create(installed)
    yield team
    team.delete()


def send(api: Api, team: Team, body: Body, *, try_only: bool = True) -> Body:
    query = {"dryRun": "All"} if try_only else {}
    return api.request("POST", PATHS[body["kind"]].format(team.name), body, fieldValidation="Strict", **query)


@pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in REFUSED.items()])
def test_bad_input_is_refused_in_words_that_help(api: Api, team: Team, case: Refused) -> None:
    with pytest.raises(ApiError) as refused:
        send(api, team, case.body)
    assert refused.value.code in {400, 422}
    message = re.sub(r"\[(\w+)\]", r".\1", refused.value.message)
    # Where a map is refused as a whole, it is the map that is named.
    path = re.sub(r"\[(\w+)\]", r".\1", case.field)
    assert path in message or any(part in message for part in path.split(".")[1:])
    assert SAYS_WHAT_IS_ALLOWED.search(message)
    assert PASSWORD not in message


@pytest.mark.parametrize("body", [pytest.param(body, id=name) for name, body in ACCEPTED.items()])
def test_good_input_is_accepted(api: Api, team: Team, body: Body) -> None:
    send(api, team, body)


@pytest.mark.parametrize(("old", "new", "field"), [pytest.param(*case, id=name) for name, case in UPDATES.items()])
def test_what_may_not_change_does_not(api: Api, team: Team, old: Body, new: Body, field: str | None) -> None:
    created = send(api, team, old, try_only=False)
    path = f"{PATHS[old['kind']].format(team.name)}/{old['metadata']['name']}"
    changed = {**new, "metadata": {**new["metadata"], "resourceVersion": created["metadata"]["resourceVersion"]}}
    try:
        if field is None:
            api.request("PUT", path, changed, dryRun="All", fieldValidation="Strict")
        else:
            with pytest.raises(ApiError, match="cannot be changed") as refused:
                api.request("PUT", path, changed, dryRun="All", fieldValidation="Strict")
            assert field in refused.value.message
    finally:
        api.request("DELETE", path)
