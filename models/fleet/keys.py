"""Names of what is forecast and of what is scaled."""

from dataclasses import dataclass


@dataclass(frozen=True, order=True, slots=True)
class ServiceKey:
    """A Knative Service (or a Configuration without a route): whose arrivals are forecast."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"

    @property
    def series(self) -> str:
        """What a file calls it, and what the globs of a calendar are held against."""
        return str(self) if self.namespace else self.name

    @classmethod
    def of_series(cls, series: str) -> "ServiceKey":
        """The service that a file's series is of: namespace/name, or a name in no namespace."""
        namespace, _, name = series.rpartition("/")
        return cls(namespace, name)


@dataclass(frozen=True, order=True, slots=True)
class RevisionKey:
    """A Knative Revision: whose pods are scaled."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"
