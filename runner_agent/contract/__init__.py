"""What the controller and the machines agree on; the only part of the agent the controller may import.

Everything here uses the standard library alone, because the webhook door and the agent's first
milliseconds import it: `wire` (typed JSON), `bundle` (the claim and its answer), `reports` (what a
machine tells), `trace` (W3C trace context), `sigv4` (how a request is signed).
"""
