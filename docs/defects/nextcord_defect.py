"""`__aexit__` of a webhook's lock sleeps before it releases the lock, if the rate limit is reached.

A request that is cancelled in this sleep never releases it. Requests that wait for the lock, and
those that come after them, wait indefinitely.
"""
# Needs: pip install nextcord==3.2.0 (Python 3.12 or later)

import asyncio
import sys

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer
from nextcord import Webhook
from nextcord.webhook.async_ import Route


async def answer(request: web.BaseRequest) -> web.Response:
    limited = {"X-Ratelimit-Remaining": "0", "X-Ratelimit-Reset-After": "1"}
    return web.Response(status=204, headers=limited)


async def main() -> bool:
    app = web.Application()
    app.router.add_post("/{path:.*}", answer)
    async with TestServer(app) as server, aiohttp.ClientSession() as session:
        Route.BASE = str(server.make_url("")).rstrip("/")
        hook = Webhook.partial(1, "x" * 68, session=session)
        first, *others = [asyncio.create_task(hook.send(text)) for text in ("1", "2", "3")]
        await asyncio.sleep(0.5)
        first.cancel()
        _, waiting = await asyncio.wait(others, timeout=6)
        for task in waiting:
            task.cancel()
    return len(waiting) == 2


blocked = asyncio.run(main())
if blocked:
    print("blocked: 6 s after one request was cancelled, the others wait for the webhook's lock")
sys.exit(0 if blocked else 1)
