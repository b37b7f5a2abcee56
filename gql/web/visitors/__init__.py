"""Routes for visitors of the status page: to subscribe, to confirm and to leave."""
