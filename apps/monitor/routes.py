"""Door 2, HTTP: the monitor's router, put together from its parts; everything lies under /v1/monitor."""

from fastapi import APIRouter

from apps.monitor import routes_alerts, routes_items, routes_rules, routes_sources

router = APIRouter(prefix="/v1/monitor")
for part in (routes_items, routes_alerts, routes_rules, routes_sources):
    router.include_router(part.router)
