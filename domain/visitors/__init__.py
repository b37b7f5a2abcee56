"""Visitors of the status page, who are notified of what it shows by mail or by a webhook of their own."""
