"""The values of reactive fields, out of the texts that their history keeps."""

import json

from domain.model.incident import Severity, Status


def status_of(field: str, text: str | None) -> Status | None:
    """Return the status in a text of the field of that name; None for other fields."""
    return next((status for status in Status if status == text), None) if field == "status" else None


def severity_of(field: str, text: str | None) -> Severity | None:
    """Return the severity in a text of the field of that name; None for other fields."""
    return next((severity for severity in Severity if severity == text), None) if field == "severity" else None


def systems_of(field: str, text: str | None) -> list[str] | None:
    """Return the ids of systems in a text of the field of that name; None for other fields."""
    return [str(identifier) for identifier in json.loads(text)] if field == "system_ids" and text else None
