"""Turn a backtest into a report: receives a result and returns one HTML page that needs no network.

page       the whole page
verdict    the result in sentences
compare    the policies that the page compares, and their names for people
parts      the parts that need no script: tiles, the table of policies, provenance, the scenario
data       the JSON that the scripts of the page draw and sort
words      numbers, dates and durations for people
assets     the HTML frame, the styles and the scripts of the page
"""
