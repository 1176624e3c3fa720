"""Forecasts the peak of the lead window for a whole fleet: rates by step in, point masses of the peak out.

A floor must cover the highest rate that arrives before the next floor could take effect, not the mean.  So
the peak itself is regressed on recent means and seasonal profiles, and the distribution of its errors is
learned.

advance     the loops over services and steps: learn each step, then forecast
warm_start  learning from weeks of history in long steps
baseline    the seasonal baseline at a time of the week, from the profiles alone
regress     the regression with forgetting, and its regressors
profile     seasonal profiles of the day, the week and the hour
error       quantiles of the regression's errors
burst       onsets and sizes of bursts
dispersion  variance over mean of counts
state       the state of a service, as one record
"""
