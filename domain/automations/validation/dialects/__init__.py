"""Answers to what people write who come from Home Assistant, GitHub Actions or n8n: the line that works here."""
