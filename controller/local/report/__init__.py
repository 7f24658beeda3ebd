"""The run as one page that needs nothing else: no network, no server, no JavaScript for what matters most."""
