"""The Pulumi program: what one stack is in AWS, drawn from the controller's own tables of names and rights."""
