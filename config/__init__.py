"""Define the configuration: receives files, ConfigMap data and annotations, returns validated settings.

settings    one configuration: policy, sources, timing, actuation, announcements
policy      what an operator decides for one Revision
sources     where and how Prometheus is read
calendar    time zone, holidays and announced events
scenario    what a backtest assumes of the pods and of the KPA
keys        the table of all keys: destination, allowed values, where a key may be an annotation
values      how a value is written: each kind of value parses a text and states what it allows
configmap   ConfigMap data -> Settings
overrides   annotations -> the policy of one Revision
document    a YAML or JSON file -> keys and values as they are written
zones       time zones, dates and times
problems    the error of an invalid configuration, and its messages

Imports no other package of Tidecast.
"""
