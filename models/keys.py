"""Names of what is forecast and of what is scaled."""

from dataclasses import dataclass


@dataclass(frozen=True, order=True, slots=True)
class ServiceKey:
    """A Knative Service (or a Configuration without a route): whose arrivals are forecast."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, order=True, slots=True)
class RevisionKey:
    """A Knative Revision: whose pods are scaled."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"
