"""All that was seen of the cluster, and the Revisions made of it.

Objects go in one by one, RevisionSpecs come out; what is made anew is only what a change has touched.  No
I/O, no clock, and no locks: one caller at a time.
"""

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from config.policy import RevisionPolicy
from models.fleet.keys import RevisionKey, ServiceKey
from scaler.knative import marks
from scaler.knative.objects import CONFIGURATION_LABEL, SERVICE_LABEL, Name, annotations, labels
from scaler.knative.resolve import Parameters, parameters
from scaler.kpa.config import HPA_CLASS, KPA_CLASS, AutoscalerConfig
from scaler.kpa.settings import KEYS
from scaler.plan.revision import RevisionSpec

MANY = 100
"""Changes at once from which it is quicker to sort all than to put each in its place."""
MAX_RESOLVED = 20_000

Place = tuple[str, str]
"""(namespace, name) of an object; the namespace is empty for a Namespace."""

ResolvePolicy = Callable[
    [RevisionPolicy, Mapping[str, str], Mapping[str, str], Mapping[str, str]],
    tuple[RevisionPolicy, tuple[str, ...]],
]
"""(policy, annotations of Namespace, Service, Revision) -> the Revision's policy, faults."""


class Fleet:
    """The objects of a cluster by kind and place, and the specs of its Revisions."""

    def __init__(self, resolve_policy: ResolvePolicy) -> None:
        self._resolve_policy = resolve_policy
        self._policy = RevisionPolicy()
        self._defaults = AutoscalerConfig()
        self._namespaces: tuple[str, ...] = ("*",)
        self._on_pa = False
        self._objects: dict[Name, dict[Place, Any]] = {name: {} for name in Name}
        self._revisions_of: defaultdict[tuple[str, Place], set[Place]] = defaultdict(set)
        self._routes_naming: defaultdict[Place, set[str]] = defaultdict(set)
        self._dirty: set[Place] = set()
        self._resolved: dict[tuple[tuple[tuple[str, str], ...], int], tuple[Parameters, tuple[str, ...]]] = {}
        self._specs: dict[RevisionKey, RevisionSpec] = {}
        self._order: list[RevisionKey] = []
        self._made: tuple[RevisionSpec, ...] = ()
        self._version = 0
        self._stale = False
        self._faults: dict[RevisionKey, tuple[str, ...]] = {}
        self._marked: set[RevisionKey] = set()

    def configure(
        self,
        policy: RevisionPolicy,
        defaults: AutoscalerConfig,
        namespaces: tuple[str, ...],
        *,
        on_pa: bool,
    ) -> None:
        """What holds for all: policy, config-autoscaler, globs of namespaces, the object that steers the KPA.

        on_pa: floors are written on the PodAutoscaler (Serving <= 1.20), not on the Revision.
        """
        new = (policy, defaults, namespaces, on_pa)
        if new != (self._policy, self._defaults, self._namespaces, self._on_pa):
            self._policy, self._defaults, self._namespaces, self._on_pa = new
            self._dirty.update(self._objects[Name.REVISION])
            self._resolved.clear()

    def get(self, name: Name, place: Place) -> Any:
        """The object there; None where there is none."""
        return self._objects[name].get(place)

    def all(self, name: Name) -> list[Any]:
        """Every object of that kind."""
        return list(self._objects[name].values())

    def see(self, name: Name, thing: Any) -> None:
        """An object as it is now.  One older than what is known already is left out."""
        place = place_of(thing)
        known = self._objects[name].get(place)
        if known is not None and _older(thing, known):
            return
        self._objects[name][place] = thing
        self._touch(name, place, known, thing)

    def forget(self, name: Name, thing: Any) -> None:
        """An object is gone."""
        place = place_of(thing)
        known = self._objects[name].get(place)
        # A name may be in use again by the time its former bearer is told gone.
        if known is not None and known.metadata.uid == thing.metadata.uid:
            del self._objects[name][place]
            self._touch(name, place, known, None)

    def replace(self, name: Name, things: Iterable[Any]) -> list[Any]:
        """All objects of a kind as a list told them; gives those that were known and are gone."""
        listed = list(things)
        there = {place_of(thing) for thing in listed}
        gone = [known for place, known in self._objects[name].items() if place not in there]
        for thing in gone:
            self.forget(name, thing)
        for thing in listed:
            self.see(name, thing)
        return gone

    def specs(self) -> tuple[int, tuple[RevisionSpec, ...]]:
        """(version, the Revisions sorted by key); the version differs only where the Revisions do."""
        many = len(self._dirty) > MANY
        for place in self._dirty:
            self._make(place, in_order=not many)
        self._dirty.clear()
        if many:
            self._order = sorted(self._specs, key=lambda key: (key.namespace, key.name))
        if self._stale:
            self._made = tuple(self._specs[key] for key in self._order)
            self._version += 1
            self._stale = False
        return self._version, self._made

    def spec(self, key: RevisionKey) -> RevisionSpec | None:
        """One Revision, as of the last call of `specs`."""
        return self._specs.get(key)

    def problems(self) -> dict[RevisionKey, tuple[str, ...]]:
        """What is wrong with annotations, by Revision, as of the last call of `specs`."""
        return dict(self._faults)

    def marked(self) -> frozenset[RevisionKey]:
        """Revisions with a mark of ours on what steers them, as of the last call of `specs`."""
        return frozenset(self._marked)

    def _touch(self, name: Name, place: Place, old: Any, new: Any) -> None:
        """Note which Revisions must be made anew."""
        match name:
            case Name.REVISION:
                self._index(place, old, new)
                self._dirty.add(place)
            case Name.POD_AUTOSCALER:
                if old is None or new is None or _steering(old) != _steering(new):
                    self._dirty.add(place)
            case Name.ROUTE:
                self._touch_route(place, old, new)
            case Name.CONFIGURATION:
                self._dirty.update(self._revisions_of["configuration", place])
            case Name.SERVICE:
                self._dirty.update(self._revisions_of["service", place])
            case Name.NAMESPACE:
                self._dirty.update(self._revisions_of["namespace", place])
            case Name.POD:
                return

    def _touch_route(self, place: Place, old: Any, new: Any) -> None:
        namespace, route = place
        after = {target.revision_name for target in _traffic(new)}
        for revision in after | {target.revision_name for target in _traffic(old)}:
            routes = self._routes_naming[namespace, revision]
            (routes.add if revision in after else routes.discard)(route)
            self._dirty.add((namespace, revision))
        service = labels(new or old).get(SERVICE_LABEL)
        if service:
            self._dirty.update(self._revisions_of["service", (namespace, service)])

    def _index(self, place: Place, old: Any, new: Any) -> None:
        namespace, _ = place
        for thing in (old, new):
            said = labels(thing)
            groups: list[tuple[str, Place]] = [("namespace", ("", namespace))]
            groups += [("service", (namespace, said[SERVICE_LABEL]))] if SERVICE_LABEL in said else []
            groups += (
                [("configuration", (namespace, said[CONFIGURATION_LABEL]))]
                if CONFIGURATION_LABEL in said
                else []
            )
            for group in groups:
                if thing is new and new is not None:
                    self._revisions_of[group].add(place)
                else:
                    self._revisions_of[group].discard(place)

    def _make(self, place: Place, *, in_order: bool) -> None:
        """Make one Revision anew.  Of many, the order is made once, afterwards."""
        key = RevisionKey(*place)
        spec, problems = self._spec(place)
        known = self._specs.get(key)
        if spec != known:
            self._stale = True
            if spec is None:
                del self._specs[key]
                if in_order:
                    del self._order[bisect_left(self._order, key)]
            else:
                if known is None and in_order:
                    insort(self._order, key)
                self._specs[key] = spec
        self._faults.pop(key, None)
        if problems:
            self._faults[key] = problems
        steering = self.get(Name.POD_AUTOSCALER if self._on_pa else Name.REVISION, place)
        (self._marked.add if marks.marked(annotations(steering)) else self._marked.discard)(key)

    def _spec(self, place: Place) -> tuple[RevisionSpec | None, tuple[str, ...]]:
        revision, pa = self.get(Name.REVISION, place), self.get(Name.POD_AUTOSCALER, place)
        namespace, name = place
        if revision is None or revision.metadata.deletion_timestamp or not self._looked_at(namespace):
            return None, ()
        steering = annotations(pa if self._on_pa and pa is not None else revision)
        owners = marks.owners(steering)
        concurrency = revision.spec.container_concurrency or 0
        owned, problems = self._parameters(owners, concurrency)
        if owned.pod_autoscaler_class not in (KPA_CLASS, HPA_CLASS):
            return None, ()
        service, percent = self._share(place, labels(revision))
        policy, wrong = self._resolve_policy(
            self._policy,
            annotations(self.get(Name.NAMESPACE, ("", namespace))),
            annotations(self.get(Name.SERVICE, (namespace, service.name))),
            annotations(revision),
        )
        floor = marks.ours(steering, marks.FLOOR)
        spec = RevisionSpec(
            key=RevisionKey(namespace, name),
            service=service,
            uid=revision.metadata.uid,
            percent=percent,
            reachable=pa is None or pa.spec.reachability != "Unreachable",
            hpa=owned.pod_autoscaler_class == HPA_CLASS,
            metric=owned.metric,
            container_concurrency=concurrency,
            total_value=owned.total_value,
            target_value=owned.target_value,
            window_s=owned.window_s,
            owner_min=owned.min_scale,
            owner_max=owned.max_scale,
            activation_scale=owned.activation_scale,
            floor=int(floor) if floor is not None and floor.isdecimal() else None,
            settings=marks.setting(steering),
            owner_levers=frozenset(lever for lever, name in KEYS.items() if marks.has_own(owners, name)),
            kpa=owned.kpa,
            panic_window_percentage=owned.panic_window_percentage,
            policy=policy,
        )
        return spec, problems + wrong

    def _parameters(self, owned: Mapping[str, str], concurrency: int) -> tuple[Parameters, tuple[str, ...]]:
        """Of a fleet, many have the same annotations: each set is resolved once."""
        asked = tuple(sorted(item for item in owned.items() if item[0].startswith(marks.AUTOSCALING)))
        found = self._resolved.get((asked, concurrency))
        if found is None:
            if len(self._resolved) >= MAX_RESOLVED:
                self._resolved.clear()
            found = self._resolved[asked, concurrency] = parameters(owned, concurrency, self._defaults)
        return found

    def _looked_at(self, namespace: str) -> bool:
        return any(fnmatchcase(namespace, pattern) for pattern in self._namespaces)

    def _share(self, place: Place, said: Mapping[str, str]) -> tuple[ServiceKey, float]:
        """(service, percent of its arrivals).

        The service is the Knative Service; without one the first Route by name that sends here; without one
        the Configuration.  A Route that does not say yet where requests go sends all to the latest ready
        Revision.
        """
        namespace, name = place
        configuration = said.get(CONFIGURATION_LABEL, name)
        service = said.get(SERVICE_LABEL)
        naming = sorted(self._routes_naming.get(place, ()))
        owner = service or (naming[0] if naming else configuration)
        route = self.get(Name.ROUTE, (namespace, owner if service or naming else ""))
        traffic = _traffic(route)
        if traffic:
            percent = float(sum(t.percent or 0 for t in traffic if t.revision_name == name))
        else:
            made = self.get(Name.CONFIGURATION, (namespace, configuration))
            latest = made.status.latest_ready_revision_name if made is not None else ""
            percent = 100.0 if latest == name else 0.0
        return ServiceKey(namespace, owner), percent


def place_of(thing: Any) -> Place:
    """(namespace, name) of an object."""
    return thing.metadata.namespace, thing.metadata.name


def _traffic(route: Any) -> list[Any]:
    return (route.status.traffic or []) if route is not None else []


def _steering(pa: Any) -> tuple[Any, ...]:
    return pa.metadata.uid, pa.metadata.annotations, pa.spec.reachability


def _older(thing: Any, known: Any) -> bool:
    """Is it a former version of the same object?  Versions count up (Kubernetes API conventions, 1.35)."""
    new, old = thing.metadata.resource_version, known.metadata.resource_version
    if thing.metadata.uid != known.metadata.uid or not (new.isdecimal() and old.isdecimal()):
        return False
    return int(new) < int(old)
