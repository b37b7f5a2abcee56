"""Silences: the reasons why a message to people is not sent."""

from enum import StrEnum


class Topic(StrEnum):
    """The topic of a message."""

    HEALTH = "health"
    INCIDENT = "incident"
    REMINDER = "reminder"


class Silence(StrEnum):
    """The reason why a message is not sent."""

    SUPPRESSED = "suppressed"
    SNOOZED = "snoozed"
    MAINTENANCE = "maintenance"
