"""Names of services, whose arrivals are forecast, and of Revisions, whose pods are scaled."""

from dataclasses import dataclass


@dataclass(frozen=True, order=True, slots=True)
class ServiceKey:
    """The name of a Knative Service (or of a Configuration without a route); its arrivals are forecast."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"

    @property
    def series(self) -> str:
        """The name of the series in a file; the globs of a calendar are matched against it."""
        return str(self) if self.namespace else self.name

    @classmethod
    def from_series(cls, series: str) -> "ServiceKey":
        """The service of a series in a file: namespace/name, or a name without a namespace."""
        namespace, _, name = series.rpartition("/")
        return cls(namespace, name)


@dataclass(frozen=True, order=True, slots=True)
class RevisionKey:
    """The name of a Knative Revision; its pods are scaled."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"
