"""What a user asked for that cannot be made into Kubernetes objects."""


class RenderError(ValueError):
    """The message names the field of the FeedFleet, its value and what is allowed."""
