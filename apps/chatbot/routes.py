"""Door 2, HTTP: the chatbot's router, put together from its parts; OpenAI's paths under /v1, ours under /v1/chatbot."""

from fastapi import APIRouter

from apps.chatbot import routes_completions, routes_conversations, routes_knowledge

router = APIRouter()
router.include_router(routes_completions.router)
router.include_router(routes_conversations.router, prefix="/v1/chatbot")
router.include_router(routes_knowledge.router, prefix="/v1/chatbot")
