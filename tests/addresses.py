"""The addresses of the servers that tests use."""

import os


def postgres_url() -> str:
    """Return the server on which tests create databases: postgresql://user:password@host:port/database."""
    url = os.environ.get("TEST_POSTGRES_URL") or "postgresql://postgres@127.0.0.1:5432/postgres"
    return url.replace("postgresql+asyncpg://", "postgresql://", 1)


def redis_url() -> str:
    """Return the server that redis tests use."""
    return os.environ.get("TEST_REDIS_URL") or "redis://127.0.0.1:6379"
