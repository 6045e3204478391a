"""Alert rules over HTTP: read, check, save as a new version, go back, backtest."""

from typing import Any

from fastapi import APIRouter

from apps.monitor.http_service import Service
from apps.monitor.wire import NewBacktest, NewRules, RulesDraft, Who
from apps.monitor.wire_alerts import BacktestJson, IncidentJson, RuleJson, RulesJson, SavedRulesJson
from apps.monitor.wire_records import as_json

router = APIRouter(tags=["rules"])


@router.get("/rules", response_model=RulesJson)
def rules(service: Service) -> Any:
    """The rules in force, as TOML with their version."""
    return service.rules()


@router.put("/rules", response_model=SavedRulesJson)
def save(body: NewRules, service: Service) -> Any:
    """A new version, checked, in force at once; what is wrong is said by rule and key, doubtful names in ``doubts``."""
    saved = service.save_rules(body.toml, body.by, body.note)
    return as_json(RulesJson, saved) | {"doubts": service.rule_doubts(body.toml)}


@router.post("/rules/check", response_model=list[RuleJson])
def check(body: RulesDraft, service: Service) -> Any:
    """Whether a draft is sound, and the rules in it; nothing is saved."""
    return service.check_rules(body.toml)


@router.get("/rules/versions", response_model=list[RulesJson])
def versions(service: Service) -> Any:
    """Every version there was, the newest first."""
    return service.rule_versions()


@router.post("/rules/{version}/use", response_model=RulesJson)
def use(version: int, body: Who, service: Service) -> Any:
    """An older version in force again, as a new one."""
    return service.use_rules(version, body.by)


@router.get("/incidents", response_model=list[IncidentJson])
def incidents(service: Service) -> Any:
    """Incidents known here: what backtests are judged by."""
    return service.incidents()


@router.post("/backtest", response_model=BacktestJson)
def backtest(body: NewBacktest, service: Service) -> Any:
    """Run rules over stored history exactly as live, without looking ahead; call it twice to compare two sets."""
    given = service.incidents() if body.incidents is None else [one.record() for one in body.incidents]
    return service.backtest(body.toml, body.since, body.until, given)
