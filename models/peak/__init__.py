"""The peak of the lead window, forecast for a whole fleet in compiled form.

A floor must align_rows the highest rate that comes before the next floor could act, not the mean.  So the peak
itself is regressed on short memories and seasonal profiles, and its errors are followed:

layout     what is known of every service, as one array
profile    means of the day, the week and the hour, slot by slot
regress    the regression, with forgetting
error      quantiles of its errors
dispersion  how far counts stray from their rate
advance    the loops over services and steps
"""
