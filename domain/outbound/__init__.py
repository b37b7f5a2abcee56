"""Requests to other servers, with retries, and never to an address that is not allowed."""
