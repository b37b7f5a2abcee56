"""HTTP, WebSocket and SSE."""
