"""The expression language: Jinja2's expressions, restricted to an allow list of syntax."""
