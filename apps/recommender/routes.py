"""Door 2, HTTP: the recommender's router under /v1/recommender, put together from its parts."""

from fastapi import APIRouter

from apps.recommender import routes_catalogue, routes_desk, routes_lists

router = APIRouter(prefix="/v1/recommender")
router.include_router(routes_lists.router)
router.include_router(routes_catalogue.router)
router.include_router(routes_desk.router)
