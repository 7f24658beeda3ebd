#!/bin/sh
# One real stack from nothing to one green job and back to nothing, asking before anything costs money.
#   make aws-smoke STACK=dev-us-east-1 REPOSITORY=octo/hello WORKFLOW=ci.yml
# Nobody has run this against AWS for us: it is here for you who have an account (docs/proof.md).
set -eu

stack=${STACK:?name a stack, such as STACK=dev-us-east-1}
repository=${REPOSITORY:?name a repository with the GitHub App, such as REPOSITORY=octo/hello}
workflow=${WORKFLOW:?name a workflow in it that runs on one of the labels of SpotRunner, such as WORKFLOW=ci.yml}
bin=.venv/bin

for tool in pulumi aws gh "$bin/python"; do
    command -v "$tool" >/dev/null || { echo "$tool is missing" >&2; exit 2; }
done

agree() {
    printf '%s [yes/no] ' "$1"
    read -r answer
    [ "$answer" = yes ] || { echo "Stopped; nothing more was done."; exit 1; }
}

echo "== whose account: must be the one in stacks/Pulumi.$stack.yaml"
aws sts get-caller-identity --output text --query Account

echo "== what would be made"
"$bin/python" -m infra.package build/lambda
pulumi preview --stack "$stack"

agree "Make all this? An idle stack costs a few dollars a month, a NAT gateway or a firewall of its own more."
pulumi up --yes --stack "$stack"
pulumi stack output --stack "$stack" next

agree "Are the App's key and the webhook secret in, and does the App call webhook_url?"
echo "== is it well: no line follows where no alarm has risen"
region=$(pulumi config get aws:region --stack "$stack")
aws cloudwatch describe-alarms --region "$region" --alarm-name-prefix "$stack" --state-value ALARM \
    --query 'MetricAlarms[].[AlarmName, StateReason]' --output text

agree "Run $workflow in $repository on a machine of yours, for a cent or so?"
gh workflow run "$workflow" --repo "$repository"
# GitHub lists a run a moment after it was asked for.
sleep 10
run=$(gh run list --repo "$repository" --workflow "$workflow" --event workflow_dispatch --limit 1 --json databaseId --jq '.[0].databaseId')
gh run watch "$run" --repo "$repository" --exit-status

agree "Destroy the stack? Its file must say \`protect: false\`, and \`pulumi up\` must have been run since. The buckets are emptied."
pulumi destroy --yes --stack "$stack"
