"""The limit of notifications: a bare FastAPI + asyncpg endpoint that checks a signature, decrypts and
commits two statements."""

import base64
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from fastapi import FastAPI, Request, Response

from app.core.clock import wall_now
from bench.bare import POOL

TABLES = (
    "CREATE TABLE bare_events (LIKE channel_events INCLUDING ALL)",
    "CREATE TABLE bare_paid (number text PRIMARY KEY, fen bigint, paid_at timestamptz)",
)
"""What has been heard, and what it is about."""
_NOTE = """
INSERT INTO bare_events (channel, event_id, kind, number, received_at)
VALUES ('wechat', $1, $2, $3, $4) ON CONFLICT DO NOTHING RETURNING event_id
"""
_PAY = "INSERT INTO bare_paid (number, fen, paid_at) VALUES ($1, $2, $3)"


def create_app(dsn: str) -> FastAPI:
    """One endpoint over the account of the environment."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with asyncpg.create_pool(dsn, min_size=POOL, max_size=POOL) as pool:
            app.state.pool = pool
            yield

    app = FastAPI(lifespan=lifespan)
    pem = Path(os.environ["WECHAT_PUBLIC_KEY_PATH"]).read_bytes()
    key = serialization.load_pem_public_key(pem)
    assert isinstance(key, rsa.RSAPublicKey)
    box = AESGCM(os.environ["WECHAT_APIV3_KEY"].encode())

    @app.post("/bare/notifications")
    async def hear(request: Request) -> Response:
        """Check, decrypt, commit."""
        body, headers = await request.body(), request.headers
        signed = f"{headers['wechatpay-timestamp']}\n{headers['wechatpay-nonce']}\n".encode()
        key.verify(
            base64.b64decode(headers["wechatpay-signature"]),
            signed + body + b"\n",
            padding.PKCS1v15(),
            hashes.SHA256(),
        )
        told = json.loads(body)
        sealed = told["resource"]
        plain = box.decrypt(
            sealed["nonce"].encode(),
            base64.b64decode(sealed["ciphertext"]),
            sealed["associated_data"].encode(),
        )
        paid, now = json.loads(plain), wall_now()
        async with request.app.state.pool.acquire() as connection, connection.transaction():
            number = paid["out_trade_no"]
            await connection.fetchrow(_NOTE, told["id"], told["event_type"], number, now)
            await connection.execute(_PAY, number, paid["amount"]["total"], now)
        return Response(status_code=204)

    return app
