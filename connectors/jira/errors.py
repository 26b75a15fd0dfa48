"""What Jira says to a question it does not take."""


class Refused(Exception):
    """Jira answered 4xx other than a matter of rights: the question was wrong for this site."""

    def __init__(self, status: int, messages: str) -> None:
        super().__init__(messages)
        self.status = status
