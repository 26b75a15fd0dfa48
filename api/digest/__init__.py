"""The weekly digest: what needs a decision, one line when nothing does, to mail, Slack and Teams."""
