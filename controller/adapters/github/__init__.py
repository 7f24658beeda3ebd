"""GitHub behind the ports: deliveries in (`webhook`), REST calls out (`api`, `tokens`)."""
