"""Routes that monitors send their alerts to."""
