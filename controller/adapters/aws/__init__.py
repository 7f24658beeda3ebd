"""AWS behind the ports. `signed`, `routes` and `errors` need no AWS SDK; the webhook door imports nothing else here."""
