"""When something comes next: the chance of an event in the minutes ahead, for a whole fleet in compiled form.

An event is a minute with a request of a service that has few, or the onset of a burst of one that has many.

layout     what is known of every service, as one array
found      periods that nobody asked for, found by folding
weekday    the day, by days of the week
called     what another service's calls bring
renew      a mixture of what may bring events: phases of many periods, the time since the last, plain rates
"""
