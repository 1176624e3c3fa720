"""Knative's pod autoscaler (KPA) as pure functions: settings and stats of a Revision in, desired pods out.

The rules and their names are those of knative/serving 98e5ef9 (v1.23) [knative-serving].  tests/golden holds
numbers that Knative's own code computed; the functions of this package return the same numbers.  No module
uses a clock, a log, a network or a cluster.

go_text         numbers, booleans and durations as Go parses them
config          data of the ConfigMap config-autoscaler -> AutoscalerConfig
annotations     annotations of a Revision -> Annotations
resolve         AutoscalerConfig, Annotations, containerConcurrency, reachability -> KpaSpec
settings        the KPA settings that Tidecast can change, as a value
window          averages over the stable window and the panic window
delay           the largest desired count within the scale-down delay
decide          one evaluation: KpaSpec, KpaState, Observed -> ScaleDecision, KpaState
scale           desired count -> replicas: bounds, initial scale, scale to zero
status          active, activating or inactive
activator       whether the activator is in the request path, and how many activators
tick            all of these for one Revision, tick by tick
scenario_file   a scenario file -> ScenarioInput
scenario        ScenarioInput -> the parameters and every tick
"""
