"""Watch a cluster with Knative Serving, write annotations on it, and verify their effect.

Receives the changes of a plan; returns the Revisions, their start-up times, and one result for each write.

    cluster     the cluster as the control loop sees it
    cache       the objects that were read, and the Revision specs made of them   (pure)
    resolve     annotations and config-autoscaler, resolved as a plan needs them  (pure)
    startup     start-up times of pods, learned from the pods that started        (pure)
    marks       the annotations of Tidecast, and the owner's values beside them   (pure)
    verify      whether a write had its effect, and what to do where it had not   (pure)
    objects     the Kubernetes objects, as far as they are read                   (pure)
    errors      what the Kubernetes API answers instead of a result               (pure)
    writer      writes changes and follows their effect
    actuator    sends one write: server-side apply, conflicts, limits of the server
    sweep       reverts every value that is marked
    connection  requests to one API server
    watch       a list and the watch that keeps it current
    lease       leader election by a Lease
    stats       the statistics stream to the autoscaler
    events      Kubernetes Events
"""
