"""Turn forecasts into capacity on Knative, and measure whether that is better than the KPA alone."""
