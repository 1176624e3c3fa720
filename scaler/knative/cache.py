"""Keep the objects of a cluster in memory, and make the specs of its Revisions from them.

The cache receives objects one by one and returns RevisionSpecs.  It makes a spec again only where a change
affects it.  It does no I/O, reads no clock, and is not thread-safe.
"""

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from config.policy import RevisionPolicy
from models.fleet.keys import RevisionKey, ServiceKey
from scaler.knative import marks
from scaler.knative.objects import CONFIGURATION_LABEL, SERVICE_LABEL, Resource, annotations, labels
from scaler.knative.resolve import ResolvedParameters, resolve_parameters
from scaler.kpa.config import HPA_CLASS, KPA_CLASS, AutoscalerConfig
from scaler.kpa.settings import KEYS
from scaler.plan.revision import RevisionSpec

RESORT_CHANGES = 100
"""Number of changes from which sorting all Revisions is faster than inserting each; chosen by hand."""
MAX_RESOLVED = 20_000
"""Number of resolved sets of annotations that are kept; chosen by hand, at about 2 kB each."""

NamespacedName = tuple[str, str]
"""(namespace, name) of an object; the namespace is empty for a Namespace."""

ResolvePolicy = Callable[
    [RevisionPolicy, Mapping[str, str], Mapping[str, str], Mapping[str, str]],
    tuple[RevisionPolicy, tuple[str, ...]],
]
"""(policy, annotations of Namespace, Service, Revision) -> (policy of the Revision, problems)."""


class RevisionCache:
    """The objects of a cluster by resource and name, and the specs of its Revisions."""

    def __init__(self, resolve_policy: ResolvePolicy) -> None:
        self._resolve_policy = resolve_policy
        self._policy = RevisionPolicy()
        self._defaults = AutoscalerConfig()
        self._namespaces: tuple[str, ...] = ("*",)
        self._writes_on_pa = False
        self._objects: dict[Resource, dict[NamespacedName, Any]] = {resource: {} for resource in Resource}
        self._revisions_of: defaultdict[tuple[str, NamespacedName], set[NamespacedName]] = defaultdict(set)
        self._routes_to: defaultdict[NamespacedName, set[str]] = defaultdict(set)
        self._dirty: set[NamespacedName] = set()
        self._resolved: dict[tuple[object, int], tuple[ResolvedParameters, tuple[str, ...]]] = {}
        self._specs: dict[RevisionKey, RevisionSpec] = {}
        self._order: list[RevisionKey] = []
        self._sorted_specs: tuple[RevisionSpec, ...] = ()
        self._version = 0
        self._stale = False
        self._problems: dict[RevisionKey, tuple[str, ...]] = {}
        self._marked: set[RevisionKey] = set()

    def configure(
        self,
        policy: RevisionPolicy,
        defaults: AutoscalerConfig,
        namespaces: tuple[str, ...],
        *,
        writes_on_pa: bool,
    ) -> None:
        """Set what applies to every Revision: the policy, config-autoscaler, and the globs of namespaces.

        writes_on_pa   Tidecast writes on the PodAutoscaler (Serving 1.20 and older), not on the Revision
        """
        new = (policy, defaults, namespaces, writes_on_pa)
        if new != (self._policy, self._defaults, self._namespaces, self._writes_on_pa):
            self._policy, self._defaults, self._namespaces, self._writes_on_pa = new
            self._dirty.update(self._objects[Resource.REVISION])
            self._resolved.clear()

    def get(self, resource: Resource, name: NamespacedName) -> Any:
        """Return an object; None where there is none."""
        return self._objects[resource].get(name)

    def all(self, resource: Resource) -> list[Any]:
        """Return every object of a resource."""
        return list(self._objects[resource].values())

    def update(self, resource: Resource, obj: Any) -> None:
        """Store the current state of an object, unless the cache has a later one."""
        name = namespaced_name(obj)
        known = self._objects[resource].get(name)
        if known is not None and _is_older(obj, known):
            return
        self._objects[resource][name] = obj
        self._mark_dirty(resource, name, known, obj)

    def delete(self, resource: Resource, obj: Any) -> None:
        """Remove an object that was deleted."""
        name = namespaced_name(obj)
        known = self._objects[resource].get(name)
        # The name may belong to a new object by the time that the event of the deletion arrives.
        if known is not None and known.metadata.uid == obj.metadata.uid:
            del self._objects[resource][name]
            self._mark_dirty(resource, name, known, None)

    def replace(self, resource: Resource, objects: Iterable[Any]) -> list[Any]:
        """Store the complete list of a resource; return the known objects that the list does not contain."""
        listed = list(objects)
        names = {namespaced_name(obj) for obj in listed}
        deleted = [known for name, known in self._objects[resource].items() if name not in names]
        for obj in deleted:
            self.delete(resource, obj)
        for obj in listed:
            self.update(resource, obj)
        return deleted

    def specs(self) -> tuple[int, tuple[RevisionSpec, ...]]:
        """Return (version, specs sorted by key); the version changes only when a spec changes."""
        resort = len(self._dirty) > RESORT_CHANGES
        for name in self._dirty:
            self._refresh(name, keep_sorted=not resort)
        self._dirty.clear()
        if resort:
            self._order = sorted(self._specs, key=lambda key: (key.namespace, key.name))
        if self._stale:
            self._sorted_specs = tuple(self._specs[key] for key in self._order)
            self._version += 1
            self._stale = False
        return self._version, self._sorted_specs

    def spec(self, key: RevisionKey) -> RevisionSpec | None:
        """Return one spec, as of the last call of `specs`."""
        return self._specs.get(key)

    def problems(self) -> dict[RevisionKey, tuple[str, ...]]:
        """Return the problems in annotations by Revision, as of the last call of `specs`."""
        return dict(self._problems)

    def marked_keys(self) -> frozenset[RevisionKey]:
        """Return the Revisions with a mark on the object that Tidecast writes on, as of the last call of
        `specs`.
        """
        return frozenset(self._marked)

    def _mark_dirty(self, resource: Resource, name: NamespacedName, old: Any, new: Any) -> None:
        """Note the Revisions whose specs a change affects."""
        match resource:
            case Resource.REVISION:
                self._index(name, old, new)
                self._dirty.add(name)
            case Resource.POD_AUTOSCALER:
                if old is None or new is None or _fields_in_use(old) != _fields_in_use(new):
                    self._dirty.add(name)
            case Resource.ROUTE:
                self._mark_route_dirty(name, old, new)
            case Resource.CONFIGURATION:
                self._dirty.update(self._revisions_of["configuration", name])
            case Resource.SERVICE:
                self._dirty.update(self._revisions_of["service", name])
            case Resource.NAMESPACE:
                self._dirty.update(self._revisions_of["namespace", name])
            case Resource.POD:
                return

    def _mark_route_dirty(self, name: NamespacedName, old: Any, new: Any) -> None:
        namespace, route = name
        after = {target.revision_name for target in _traffic(new)}
        for revision in after | {target.revision_name for target in _traffic(old)}:
            routes = self._routes_to[namespace, revision]
            (routes.add if revision in after else routes.discard)(route)
            self._dirty.add((namespace, revision))
        service = labels(new or old).get(SERVICE_LABEL)
        if service:
            self._dirty.update(self._revisions_of["service", (namespace, service)])

    def _index(self, name: NamespacedName, old: Any, new: Any) -> None:
        """Keep the Revisions of each Namespace, Service and Configuration."""
        namespace, _ = name
        for obj in (old, new):
            found = labels(obj)
            groups: list[tuple[str, NamespacedName]] = [("namespace", ("", namespace))]
            groups += [("service", (namespace, found[SERVICE_LABEL]))] if SERVICE_LABEL in found else []
            groups += (
                [("configuration", (namespace, found[CONFIGURATION_LABEL]))]
                if CONFIGURATION_LABEL in found
                else []
            )
            for group in groups:
                if obj is new and new is not None:
                    self._revisions_of[group].add(name)
                else:
                    self._revisions_of[group].discard(name)

    def _refresh(self, name: NamespacedName, *, keep_sorted: bool) -> None:
        """Make one spec again; without `keep_sorted`, the caller sorts the keys afterwards."""
        key = RevisionKey(*name)
        spec, problems = self._spec(name)
        known = self._specs.get(key)
        if spec != known:
            self._stale = True
            if spec is None:
                del self._specs[key]
                if keep_sorted:
                    del self._order[bisect_left(self._order, key)]
            else:
                if known is None and keep_sorted:
                    insort(self._order, key)
                self._specs[key] = spec
        self._problems.pop(key, None)
        if problems:
            self._problems[key] = problems
        written_on = self.get(Resource.POD_AUTOSCALER if self._writes_on_pa else Resource.REVISION, name)
        (self._marked.add if marks.is_marked(annotations(written_on)) else self._marked.discard)(key)

    def _spec(self, name: NamespacedName) -> tuple[RevisionSpec | None, tuple[str, ...]]:
        """Return the spec of a Revision, None where Tidecast does not work on it, and its problems."""
        revision, pa = self.get(Resource.REVISION, name), self.get(Resource.POD_AUTOSCALER, name)
        namespace, revision_name = name
        if revision is None or revision.metadata.deletion_timestamp or not self._is_selected(namespace):
            return None, ()
        written = annotations(pa if self._writes_on_pa and pa is not None else revision)
        owned = marks.owner_annotations(written)
        concurrency = revision.spec.container_concurrency or 0
        parameters, problems = self._parameters(owned, concurrency)
        if parameters.pod_autoscaler_class not in (KPA_CLASS, HPA_CLASS):
            return None, ()
        service, percent = self._route_share(name, labels(revision))
        policy, policy_problems = self._resolve_policy(
            self._policy,
            annotations(self.get(Resource.NAMESPACE, ("", namespace))),
            annotations(self.get(Resource.SERVICE, (namespace, service.name))),
            annotations(revision),
        )
        floor = marks.applied_value(written, marks.FLOOR)
        spec = RevisionSpec(
            key=RevisionKey(namespace, revision_name),
            service=service,
            uid=revision.metadata.uid,
            percent=percent,
            reachable=pa is None or pa.spec.reachability != "Unreachable",
            hpa=parameters.pod_autoscaler_class == HPA_CLASS,
            metric=parameters.metric,
            container_concurrency=concurrency,
            total_value=parameters.total_value,
            target_value=parameters.target_value,
            window_s=parameters.window_s,
            owner_min=parameters.min_scale,
            owner_max=parameters.max_scale,
            activation_scale=parameters.activation_scale,
            floor=int(floor) if floor is not None and floor.isdecimal() else None,
            settings=marks.applied_settings(written),
            owner_levers=frozenset(
                lever for lever, setting in KEYS.items() if marks.owner_sets(owned, setting)
            ),
            kpa=parameters.kpa,
            panic_window_percentage=parameters.panic_window_percentage,
            policy=policy,
        )
        return spec, problems + policy_problems

    def _parameters(
        self, owned: Mapping[str, str], concurrency: int
    ) -> tuple[ResolvedParameters, tuple[str, ...]]:
        """Resolve each set of annotations once: many Revisions of a fleet have the same."""
        key = tuple(sorted(item for item in owned.items() if item[0].startswith(marks.AUTOSCALING)))
        resolved = self._resolved.get((key, concurrency))
        if resolved is None:
            if len(self._resolved) >= MAX_RESOLVED:
                self._resolved.clear()
            resolved = resolve_parameters(owned, concurrency, self._defaults)
            self._resolved[key, concurrency] = resolved
        return resolved

    def _is_selected(self, namespace: str) -> bool:
        return any(fnmatchcase(namespace, pattern) for pattern in self._namespaces)

    def _route_share(
        self, name: NamespacedName, revision_labels: Mapping[str, str]
    ) -> tuple[ServiceKey, float]:
        """Return the service of a Revision and the percent of its arrivals that the Route sends there.

        The service is the Knative Service; without one the first Route by name that lists the Revision;
        without one the Configuration.  A Route without traffic in its status sends all requests to the latest
        ready Revision.
        """
        namespace, revision = name
        configuration = revision_labels.get(CONFIGURATION_LABEL, revision)
        service = revision_labels.get(SERVICE_LABEL)
        routes = sorted(self._routes_to.get(name, ()))
        service_name = service or (routes[0] if routes else configuration)
        route = self.get(Resource.ROUTE, (namespace, service_name if service or routes else ""))
        traffic = _traffic(route)
        if traffic:
            percent = float(sum(t.percent or 0 for t in traffic if t.revision_name == revision))
        else:
            found = self.get(Resource.CONFIGURATION, (namespace, configuration))
            latest = found.status.latest_ready_revision_name if found is not None else ""
            percent = 100.0 if latest == revision else 0.0
        return ServiceKey(namespace, service_name), percent


def namespaced_name(obj: Any) -> NamespacedName:
    """Return (namespace, name) of an object."""
    return obj.metadata.namespace, obj.metadata.name


def _traffic(route: Any) -> list[Any]:
    return (route.status.traffic or []) if route is not None else []


def _fields_in_use(pa: Any) -> tuple[Any, ...]:
    return pa.metadata.uid, pa.metadata.annotations, pa.spec.reachability


def _is_older(obj: Any, known: Any) -> bool:
    """Return whether `obj` is an earlier version of the same object; versions count up (Kubernetes API,
    1.35).
    """
    new, old = obj.metadata.resource_version, known.metadata.resource_version
    if obj.metadata.uid != known.metadata.uid or not (new.isdecimal() and old.isdecimal()):
        return False
    return int(new) < int(old)
