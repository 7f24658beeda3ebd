"""The AWS half of the local cloud: one object, `cloud.LocalCloud`, with everything a stack needs behind it."""
