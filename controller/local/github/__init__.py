"""The GitHub of the local cloud: schedules workflows, signs webhooks, answers REST calls, hands jobs to runners."""
