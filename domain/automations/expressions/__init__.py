"""The expression language: Jinja2's expressions, bounded by their own syntax tree."""
