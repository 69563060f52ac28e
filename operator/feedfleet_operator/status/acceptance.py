"""Whether what is asked for can be served at all."""

from feedfleet_operator.demand import Market
from feedfleet_operator.resources import Subscription
from feedfleet_operator.status.conditions import FALSE, TRUE, Finding
from feedfleet_operator.status.picture import Picture
from feedfleet_operator.status.reasons import Reason
from feedfleet_operator.status.wording import quoted


def fleet_acceptance(picture: Picture) -> Finding:
    """Accepted of the FeedFleet."""
    if picture.decision.fleet_problem:
        return _fleet_problem(picture)
    overridden = {
        market: problem
        for market, problem in picture.decision.market_problems.items()
        if _is_overridden(picture, market)
    }
    if overridden:
        said = "; ".join(f"{_name(market)}: {quoted(problem)}" for market, problem in sorted(overridden.items()))
        return Finding(FALSE, Reason.INVALID_OVERRIDE, f"spec.exchanges: {said}")
    return Finding(TRUE, Reason.ACCEPTED, "the fleet is served")


def subscription_acceptance(picture: Picture, name: str, subscription: Subscription | None) -> Finding:
    """Accepted of a FeedSubscription; None where it could not be read."""
    problem = picture.decision.subscription_problems.get(name)
    if problem is not None or subscription is None:
        return Finding(FALSE, Reason.INVALID_SUBSCRIPTION, quoted(problem or "cannot be read"))
    if picture.decision.fleet_problem:
        return _fleet_problem(picture)
    market = Market(subscription.exchange, subscription.market)
    problem = picture.decision.market_problems.get(market)
    if problem is None:
        return Finding(TRUE, Reason.ACCEPTED, f"served by FeedFleet {picture.fleet_name}")
    if _is_overridden(picture, market):
        message = f"FeedFleet {picture.fleet_name}: spec.exchanges: {_name(market)}: {quoted(problem)}"
        return Finding(FALSE, Reason.INVALID_OVERRIDE, message)
    return Finding(FALSE, Reason.NOT_OFFERED, quoted(problem))


def _fleet_problem(picture: Picture) -> Finding:
    reason = Reason.NO_REDIS if picture.decision.plan is None else Reason.INVALID_FLEET
    return Finding(FALSE, reason, f"FeedFleet {picture.fleet_name}: {quoted(picture.decision.fleet_problem)}")


def _is_overridden(picture: Picture, market: Market) -> bool:
    return market.exchange in ((picture.world.fleet.get("spec") or {}).get("exchanges") or {})


def _name(market: Market) -> str:
    return f"{market.exchange}:{market.market}"
